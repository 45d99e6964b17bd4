{
  const back = document.getElementById("return");
  const waiting = document.querySelectorAll("iframe[data-src]");
  let left = waiting.length;
  const goOn = () => location.replace(back.href);
  const timer = setTimeout(goOn, 3000);
  for (const place of waiting) {
    // Its only load is that of its address: it has one before it is part of the page.
    const frame = place.cloneNode();
    frame.addEventListener("load", () => {
      left -= 1;
      if (left === 0) {
        clearTimeout(timer);
        goOn();
      }
    });
    frame.src = place.dataset.src;
    place.replaceWith(frame);
  }
}
