//! Why a store refuses or fails.

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A precondition did not hold; nothing of the batch was written.
    #[error("precondition {index} of the batch does not hold")]
    Conflict {
        /// Its position in [`Batch::preconditions`](crate::Batch::preconditions); the first that failed.
        index: usize,
    },
    /// Somebody with a newer epoch has written for this owner; nothing of the batch was written.
    #[error("epoch {epoch} of {service} {owner} is stale, {stored} has written")]
    StaleEpoch {
        /// The kind of owner.
        service: &'static str,
        /// Whose state it is.
        owner: u64,
        /// The epoch of the batch.
        epoch: u64,
        /// The newer epoch that is recorded.
        stored: u64,
    },
    /// A key, a value, a batch or an answer is above what [`limits`](crate::limits) allow.
    #[error("too large for the store")]
    TooLarge,
    /// A write that no store takes, whatever it holds: a mistake of the caller.
    #[error("invalid operation: {0}")]
    Invalid(&'static str),
    /// A queue is full: the operation was not begun, shed load or try later.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is closed or closing: the operation was not begun.
    #[error("the store is closed")]
    Closed,
    /// What is stored can not be understood.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// The database failed. Of a commit it is then unknown whether it was done.
    #[error(transparent)]
    Backend(Box<dyn std::error::Error + Send + Sync>),
    /// The deadline passed. Of a commit it is then unknown whether it was done.
    #[error("the store took too long")]
    Timeout,
}

impl Error {
    /// Whether the same operation may succeed later without a change by the caller.
    ///
    /// After [`Error::Backend`] and [`Error::Timeout`] a commit may have happened: repeat it only if a repetition
    /// does no harm.
    pub fn retryable(&self) -> bool {
        matches!(self, Error::Overloaded | Error::Backend(_) | Error::Timeout)
    }

    /// Wraps an error of a database.
    pub fn backend(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Backend(error.into())
    }
}
