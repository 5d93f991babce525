//! When an event recurs (Guild Scheduled Event, Recurrence Rule): a part of iCalendar's rules, in UTC.

use serde::{Deserialize, Serialize};

use crate::{Form, Timestamp};

/// How often.
pub mod frequency {
    /// Each year.
    pub const YEARLY: u8 = 0;
    /// Each month.
    pub const MONTHLY: u8 = 1;
    /// Each week, or each second one.
    pub const WEEKLY: u8 = 2;
    /// On some days of each week.
    pub const DAILY: u8 = 3;
}

const DAY_MS: u64 = 24 * 3_600_000;
/// Sets of days that a daily event may have, Monday is 0 (Guild Scheduled Event, System limitations).
const DAILY_SETS: [&[u8]; 6] =
    [&[0, 1, 2, 3, 4], &[1, 2, 3, 4, 5], &[0, 1, 2, 3, 6], &[4, 5], &[5, 6], &[0, 6]];
/// Days that are looked through for the next time: the 29th of February comes eight years after the last one at most.
const DAYS_MAX: u64 = 9 * 366;

/// A rule. Which of the sets it has depends on the frequency; see [`RecurrenceRule::read`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurrenceRule {
    /// The first time; the time of day of all of them.
    pub start: Timestamp,
    /// Not offered, as upstream: always null.
    #[serde(default)]
    pub end: Option<Timestamp>,
    /// One of [`frequency`].
    pub frequency: u8,
    /// 1, or 2 for every second week.
    pub interval: u8,
    /// Days of a week, Monday is 0.
    #[serde(default)]
    pub by_weekday: Option<Vec<u8>>,
    /// The nth of a day in a month.
    #[serde(default)]
    pub by_n_weekday: Option<Vec<NthWeekday>>,
    /// Months, January is 1.
    #[serde(default)]
    pub by_month: Option<Vec<u8>>,
    /// Days of a month.
    #[serde(default)]
    pub by_month_day: Option<Vec<u8>>,
    /// Not offered, as upstream: always null.
    #[serde(default)]
    pub by_year_day: Option<Vec<u16>>,
    /// Not offered, as upstream: always null.
    #[serde(default)]
    pub count: Option<u32>,
}

/// The nth of a day in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NthWeekday {
    /// 1 to 5; 5 is the last.
    pub n: u8,
    /// Monday is 0.
    pub day: u8,
}

impl RecurrenceRule {
    /// Reads a rule; errors are noted in the form. What is legal: daily on one of some sets of days; weekly on one day, each week
    /// or each second; monthly on the nth of a day; yearly on a date.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        let start = form.required("start", form.timestamp("start"));
        let often = form.required("frequency", form.choice_u8("frequency", &[0, 1, 2, 3]));
        let weekly = often == Some(frequency::WEEKLY);
        let interval = form.choice_u8("interval", if weekly { &[1, 2] } else { &[1] }).unwrap_or(1);
        let rule = Self {
            start: start?,
            end: None,
            frequency: often?,
            interval,
            by_weekday: numbers(form, "by_weekday", 7, 0..=6),
            by_n_weekday: form.array("by_n_weekday", 7, |form| {
                let n = form.required("n", form.int("n", 1..=5));
                let day = form.required("day", form.int("day", 0..=6));
                Some(NthWeekday { n: n?, day: day? })
            }),
            by_month: numbers(form, "by_month", 12, 1..=12),
            by_month_day: numbers(form, "by_month_day", 31, 1..=31),
            by_year_day: None,
            count: None,
        };
        for name in ["end", "count", "by_year_day"] {
            if form.opt(name).is_some() {
                form.error(name, "BASE_TYPE_CHOICES", "This field cannot be set.");
            }
        }
        if !form.has_errors() && !rule.is_legal() {
            let message = "These days cannot be combined with this frequency.";
            form.error("", "GUILD_SCHEDULED_EVENT_INVALID_RECURRENCE_RULE", message);
        }
        Some(rule)
    }

    fn is_legal(&self) -> bool {
        let one = |set: &Option<Vec<u8>>| set.as_ref().is_some_and(|set| set.len() == 1);
        let days = self.by_weekday.is_some();
        let nth = self.by_n_weekday.is_some();
        let dates = self.by_month.is_some() || self.by_month_day.is_some();
        match self.frequency {
            frequency::DAILY => {
                let set = self.by_weekday.as_deref();
                !nth && !dates && set.is_none_or(|set| DAILY_SETS.contains(&set))
            }
            frequency::WEEKLY => !nth && !dates && (!days || one(&self.by_weekday)),
            frequency::MONTHLY => {
                !days && !dates && self.by_n_weekday.as_ref().is_some_and(|list| list.len() == 1)
            }
            frequency::YEARLY => !days && !nth && one(&self.by_month) && one(&self.by_month_day),
            _ => false,
        }
    }

    /// The first time after `after_ms`, Unix milliseconds.
    pub fn next_after(&self, after_ms: u64) -> Option<Timestamp> {
        let (start, time) = (self.start.ms() / DAY_MS, self.start.ms() % DAY_MS);
        let first = start.max(after_ms / DAY_MS);
        let mut days = first..first + DAYS_MAX;
        let day = days.find(|day| self.has(*day, start) && day * DAY_MS + time > after_ms)?;
        Some(Timestamp::from_ms(day * DAY_MS + time))
    }

    /// Whether a day, counted from 1970, is one of the rule.
    fn has(&self, day: u64, start: u64) -> bool {
        let weekday = weekday(day);
        let in_set = |set: &Option<Vec<u8>>, value: u8| set.as_ref().is_none_or(|set| set.contains(&value));
        match self.frequency {
            frequency::DAILY => in_set(&self.by_weekday, weekday),
            frequency::WEEKLY => {
                // Weeks begin on Monday; 1970 began on a Thursday.
                let weeks = (day + 3) / 7 - (start + 3) / 7;
                let wanted = self.by_weekday.as_ref().and_then(|set| set.first().copied());
                weeks.is_multiple_of(u64::from(self.interval.max(1)))
                    && weekday == wanted.unwrap_or(self::weekday(start))
            }
            frequency::MONTHLY => {
                let (_, _, of_month) = civil(day);
                let last = civil(day + 7).1 != civil(day).1;
                let is = |nth: &NthWeekday| {
                    nth.day == weekday && if nth.n == 5 { last } else { (of_month - 1) / 7 + 1 == nth.n }
                };
                self.by_n_weekday.iter().flatten().any(is)
            }
            _ => {
                let (_, month, of_month) = civil(day);
                in_set(&self.by_month, month) && in_set(&self.by_month_day, of_month)
            }
        }
    }
}

fn numbers(form: &Form<'_>, name: &str, max: usize, range: std::ops::RangeInclusive<u8>) -> Option<Vec<u8>> {
    let mut set = Vec::new();
    for (index, value) in form.list(name, max)?.iter().enumerate() {
        match value
            .as_u64()
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| range.contains(number))
        {
            Some(number) => set.push(number),
            None => {
                let message = format!("Value must be between {} and {}.", range.start(), range.end());
                form.error(&format!("{name}.{index}"), "BASE_TYPE_CHOICES", message);
            }
        }
    }
    set.sort_unstable();
    set.dedup();
    // An empty set says nothing, and libraries send it for none.
    Some(set).filter(|set| !set.is_empty())
}

/// The day of the week of a day counted from 1970, Monday is 0.
fn weekday(day: u64) -> u8 {
    ((day + 3) % 7) as u8
}

/// Year, month and day of a day counted from 1970 (the proleptic Gregorian calendar, by eras of 400 years that begin in March).
fn civil(day: u64) -> (u64, u8, u8) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month as u8, of_month as u8)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<RecurrenceRule, crate::ApiError> {
        Form::root(body).unwrap().check(RecurrenceRule::read)
    }

    fn times(body: &Value, count: usize) -> Vec<String> {
        let rule = read(body).unwrap();
        let mut after = rule.start.ms() - 1;
        let next = || {
            let next = rule.next_after(after).unwrap();
            after = next.ms();
            serde_json::to_value(next).unwrap().as_str().unwrap()[..16].to_owned()
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn days_have_their_dates() {
        assert_eq!((civil(0), weekday(0)), ((1970, 1, 1), 3));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!((civil(20_454), weekday(20_454)), ((2026, 1, 1), 3));
    }

    #[test]
    fn events_recur_as_their_rules_say() {
        let start = "2026-01-30T18:30:00+00:00"; // a Friday
        let daily = json!({"start": start, "frequency": 3, "by_weekday": [0, 1, 2, 3, 4]});
        assert_eq!(times(&daily, 3), ["2026-01-30T18:30", "2026-02-02T18:30", "2026-02-03T18:30"]);
        let fortnight = json!({"start": start, "frequency": 2, "interval": 2, "by_weekday": [4]});
        assert_eq!(times(&fortnight, 3), ["2026-01-30T18:30", "2026-02-13T18:30", "2026-02-27T18:30"]);
        let last_friday = json!({"start": start, "frequency": 1, "by_n_weekday": [{"n": 5, "day": 4}]});
        assert_eq!(times(&last_friday, 3), ["2026-01-30T18:30", "2026-02-27T18:30", "2026-03-27T18:30"]);
        let second_monday = json!({"start": start, "frequency": 1, "by_n_weekday": [{"n": 2, "day": 0}]});
        assert_eq!(times(&second_monday, 2), ["2026-02-09T18:30", "2026-03-09T18:30"]);
        let leap = json!({"start": start, "frequency": 0, "by_month": [2], "by_month_day": [29]});
        assert_eq!(times(&leap, 2), ["2028-02-29T18:30", "2032-02-29T18:30"]);
    }

    #[test]
    fn only_documented_combinations_are_legal() {
        let start = "2026-01-30T18:30:00+00:00";
        for rule in [
            json!({"start": start, "frequency": 3, "by_weekday": [0, 2]}),
            json!({"start": start, "frequency": 3, "interval": 2}),
            json!({"start": start, "frequency": 2, "by_weekday": [0, 1]}),
            json!({"start": start, "frequency": 1}),
            json!({"start": start, "frequency": 0, "by_month": [1, 2], "by_month_day": [3]}),
            json!({"start": start, "frequency": 0, "by_month": [1], "by_month_day": [3], "by_weekday": [0]}),
            json!({"start": start, "frequency": 2, "count": 3}),
            json!({"start": start, "frequency": 4}),
            json!({"frequency": 2}),
        ] {
            assert_eq!(read(&rule).map_err(|error| error.code), Err(50035), "{rule}");
        }
    }
}
