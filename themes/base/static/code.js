document.getElementById("code").select();
