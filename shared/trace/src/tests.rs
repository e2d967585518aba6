mod course;
mod ids;
mod waits;
mod world;
