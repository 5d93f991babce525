//! How a bucket is named in settings.

use std::str::FromStr;

use url::Url;

use super::is_name;

/// Where a bucket is: `s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    /// Its name.
    pub bucket: String,
    /// What the names of all blobs begin with, without a `/` at the end; empty for nothing.
    pub prefix: String,
    /// The server; that of AWS without.
    pub endpoint: Option<String>,
    /// The region; that of the environment without.
    pub region: Option<String>,
}

/// What is wrong with the address of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketAddressError {
    /// It does not look like one.
    #[error("{0}: not s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME]")]
    Form(String),
    /// Keys are not for the command line, which everybody on the machine can read.
    #[error(
        "keys of a bucket stand in the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in its address"
    )]
    Secret,
    /// A parameter that there is not.
    #[error("a bucket's address has no {0}: only endpoint and region")]
    Parameter(String),
    /// No server.
    #[error("{0}: the endpoint of a bucket is http://HOST[:PORT] or https://HOST[:PORT]")]
    Endpoint(String),
}

impl FromStr for BucketAddress {
    type Err = BucketAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || BucketAddressError::Form(text.to_owned());
        let url = Url::parse(text).map_err(|_| form())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BucketAddressError::Secret);
        }
        let bucket = url.host_str().unwrap_or_default().to_owned();
        let prefix = url.path().trim_matches('/').to_owned();
        let named = is_name(&bucket) && (prefix.is_empty() || is_name(&prefix));
        if url.scheme() != "s3" || url.port().is_some() || url.fragment().is_some() || !named {
            return Err(form());
        }
        let mut address = Self { bucket, prefix, endpoint: None, region: None };
        for (name, value) in url.query_pairs() {
            match &*name {
                "endpoint" => address.endpoint = Some(endpoint(&value)?),
                "region" => address.region = Some(value.into_owned()),
                other => return Err(BucketAddressError::Parameter(other.to_owned())),
            }
        }
        Ok(address)
    }
}

fn endpoint(text: &str) -> Result<String, BucketAddressError> {
    let wrong = || BucketAddressError::Endpoint(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BucketAddressError::Secret);
    }
    if plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_keeps_no_secrets() {
        let of = |text: &str| text.parse::<BucketAddress>();
        let whole = of("s3://chat/files/a?endpoint=http://127.0.0.1:9000/&region=here").unwrap();
        assert_eq!((&*whole.bucket, &*whole.prefix), ("chat", "files/a"));
        assert_eq!(whole.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(whole.region.as_deref(), Some("here"));
        let plain = of("s3://chat").unwrap();
        assert_eq!((&*plain.prefix, plain.endpoint), ("", None));
        assert_eq!(of("s3://key:secret@chat"), Err(BucketAddressError::Secret));
        assert_eq!(of("s3://chat?endpoint=http://a:b@c"), Err(BucketAddressError::Secret));
        assert_eq!(of("s3://chat?acl=public"), Err(BucketAddressError::Parameter("acl".to_owned())));
        assert!(matches!(of("s3://chat?endpoint=ftp://c"), Err(BucketAddressError::Endpoint(_))));
        for text in ["", "chat", "s3://", "http://chat", "s3://chat/a b", "s3://chat/../x%2f"] {
            assert!(matches!(of(text), Err(BucketAddressError::Form(_))), "{text}");
        }
    }
}
