(function(d){
var b=d.getElementById("show-password"),p=d.getElementById("password");
if(!b||!p)return;
b.hidden=false;
b.addEventListener("click",function(){
var s=p.type==="password";
p.type=s?"text":"password";
b.textContent=s?b.dataset.hide:b.dataset.show;
b.setAttribute("aria-pressed",String(s));
p.focus();
});
p.form.addEventListener("submit",function(e){
if(p.form.dataset.sent){e.preventDefault();return}
p.form.dataset.sent="1";p.type="password";
d.getElementById("submit-login").setAttribute("aria-busy","true");
});
addEventListener("pageshow",function(){delete p.form.dataset.sent;d.getElementById("submit-login").removeAttribute("aria-busy")});
})(document);
