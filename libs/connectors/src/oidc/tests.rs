mod hostile;
mod lab;
mod login;
mod refresh;
mod request;
