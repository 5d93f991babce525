//! The answers of owners, read at the edge.

use consort_model::ApiError;
use consort_rpc::Answer;
use serde::de::DeserializeOwned;

/// Reads an owner's answer.
///
/// # Errors
/// 500 when it is not what was expected.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ApiError> {
    let body = answer.body().ok_or_else(ApiError::internal)?;
    serde_json::from_slice(body).map_err(|error| {
        tracing::error!(%error, "an owner's answer cannot be read");
        ApiError::internal()
    })
}
