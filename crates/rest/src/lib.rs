//! The stateless HTTP edge: authenticate, limit, validate, call the owner.
