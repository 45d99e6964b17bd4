{
  const back = document.getElementById("return");
  const frames = document.querySelectorAll("iframe");
  let left = frames.length;
  const goOn = () => location.replace(back.href);
  const timer = setTimeout(goOn, 3000);
  for (const frame of frames) {
    frame.addEventListener("load", () => {
      left -= 1;
      if (left === 0) {
        clearTimeout(timer);
        goOn();
      }
    });
  }
}
