//! What can be set.

use std::time::Duration;

/// The load.
#[derive(Debug)]
pub struct Options {
    /// Messages there are before anybody searches.
    pub messages: u64,
    /// Communities, of sizes by Zipf's law.
    pub guilds: usize,
    /// How long people search and write.
    pub time: Duration,
    /// Searches a second.
    pub queries: f64,
    /// New messages a second.
    pub writes: f64,
}

impl Options {
    /// Reads `--name value` pairs.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let time = Duration::from_secs(30);
        let mut options = Self { messages: 1_000_000, guilds: 1000, time, queries: 20.0, writes: 2000.0 };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number: f64 = value.parse().map_err(|_| format!("{name}: {value} is no number"))?;
            if !(number.is_finite() && number > 0.0) {
                return Err(format!("{name} must be above 0"));
            }
            match name.as_str() {
                "--messages" => options.messages = number as u64,
                "--guilds" => options.guilds = number as usize,
                "--seconds" => options.time = Duration::from_secs_f64(number),
                "--queries" => options.queries = number,
                "--writes" => options.writes = number,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(options)
    }
}
