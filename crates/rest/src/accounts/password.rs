//! Passwords: Argon2id, off the runtime's threads, so many at once and so many waiting.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use consort_model::ApiError;
use consort_runtime::random_bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::{App, Failure};

/// Hashes at once: each takes 19 MiB and tens of milliseconds of a core.
const HASHES_MAX: usize = 2;
/// Hashes waiting; more are answered 503.
const WAITING_MAX: usize = 64;
/// Longest password that is looked at.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(HASHES_MAX)), waiting: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

impl Passwords {
    /// The PHC string of a password.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.run(move || hash(&password)).await?.ok_or_else(ApiError::internal)
    }

    /// Whether a password is the one behind a PHC string. Without one it takes as long and is false, so that nobody can tell
    /// accounts that exist by the time it takes.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, ApiError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        self.run(move || match stored {
            Some(stored) => verify(&password, &stored),
            None => {
                static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody's password"));
                let _same_time = NOBODYS.as_ref().is_some_and(|nobodys| verify(&password, nobodys));
                false
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ApiError::overloaded())?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| ApiError::unavailable())?;
        let done = spawn_blocking(move || {
            let _running = running;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            ApiError::internal()
        })
    }
}

fn hash(password: &str) -> Option<String> {
    let salt = SaltString::encode_b64(&random_bytes::<16>()).ok()?;
    Argon2::default().hash_password(password.as_bytes(), &salt).ok().map(|hash| hash.to_string())
}

fn verify(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

impl App {
    /// Checks the password of an account before a change that asks for it.
    ///
    /// # Errors
    /// 400/50035 at `field` when it is wrong.
    pub async fn check_password(
        &self,
        user: consort_model::UserId,
        field: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let stored = self.password_hash(user).await?;
        if self.passwords.verify(password.to_owned(), Some(stored)).await? {
            return Ok(());
        }
        let message = "Password does not match.";
        Err(Failure(ApiError::invalid_field(field, "PASSWORD_DOES_NOT_MATCH", message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_its_hash_says_nothing() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$") && !stored.contains("horse"));
        assert!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".to_owned(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
        assert!(!passwords.verify("x".to_owned(), Some("no hash".to_owned())).await.unwrap());
    }
}
