//! What the driver's errors mean to a caller.

use consort_store::Error;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};

/// The error of a store. Of a write it is unknown whether it was done.
pub(crate) fn backend(error: ExecutionError) -> Error {
    use DbError::{ReadTimeout, WriteTimeout};
    use RequestAttemptError::DbError as Refused;
    match &error {
        ExecutionError::RequestTimeout(_)
        | ExecutionError::LastAttemptError(Refused(ReadTimeout { .. } | WriteTimeout { .. }, _)) => {
            Error::Timeout
        }
        _ => Error::backend(error),
    }
}

/// An answer of a form that was not expected.
pub(crate) fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::backend(error)
}

/// The same error for one more caller of the same operation.
pub(crate) fn copy(error: &Error) -> Error {
    match error {
        Error::Conflict { index } => Error::Conflict { index: *index },
        Error::StaleEpoch { service, owner, epoch, stored } => {
            Error::StaleEpoch { service, owner: *owner, epoch: *epoch, stored: *stored }
        }
        Error::TooLarge => Error::TooLarge,
        Error::Invalid(text) => Error::Invalid(text),
        Error::Overloaded => Error::Overloaded,
        Error::Closed => Error::Closed,
        Error::Corrupt(text) => Error::Corrupt(text.clone()),
        Error::Backend(error) => Error::backend(error.to_string()),
        Error::Timeout => Error::Timeout,
    }
}
