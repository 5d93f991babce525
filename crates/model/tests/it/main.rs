//! Tests of the model from outside.

mod hostile;
mod openapi;
mod schema;
