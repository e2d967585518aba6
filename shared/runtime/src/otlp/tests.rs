mod collector;
mod export;
mod settings;
