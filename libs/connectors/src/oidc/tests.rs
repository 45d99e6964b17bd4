mod exchange;
mod hostile;
mod lab;
mod login;
mod logout;
mod refresh;
mod request;
