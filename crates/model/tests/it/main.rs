//! Tests of the model from outside.

mod openapi;
mod schema;
