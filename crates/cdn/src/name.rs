//! Names of uploaded files.

/// Longest cleaned name.
const NAME_CHARS_MAX: usize = 200;

/// Cleans a file name to `[A-Za-z0-9_.-]`, spaces as `_`; without any path and never empty or hidden. The second value is
/// the original without its extension, for an attachment's `title`, when cleaning has changed something.
pub fn clean_filename(name: &str) -> (String, Option<String>) {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let mut clean = String::with_capacity(base.len());
    for c in base.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => clean.push(c),
            ' ' => clean.push('_'),
            _ => {}
        }
    }
    let trimmed = clean.trim_start_matches('.');
    let mut clean = shortened(trimmed);
    let stem_is_empty = clean.split('.').next().is_none_or(str::is_empty);
    if stem_is_empty {
        clean = format!("unknown{clean}");
    } else if trimmed.len() < base.trim_start_matches('.').len()
        && !trimmed.contains('.')
        && base.contains('.')
    {
        // Everything before the dot was dropped: what is left is the extension.
        clean = format!("unknown.{clean}");
    }
    let title = (clean != base)
        .then(|| base.rsplit_once('.').map_or(base, |(stem, _)| stem).chars().take(256).collect());
    (clean, title)
}

/// Cuts a long name in its stem, so that the extension stays.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => {
            format!("{}.{extension}", &stem[..NAME_CHARS_MAX - extension.len() - 1])
        }
        _ => name[..NAME_CHARS_MAX].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_the_original_is_kept_as_title() {
        let clean = |name| clean_filename(name).0;
        assert_eq!(clean_filename("cat.png"), ("cat.png".to_owned(), None));
        assert_eq!(clean_filename("my cat!.png"), ("my_cat.png".to_owned(), Some("my cat!".to_owned())));
        assert_eq!(clean("../../etc/passwd"), "passwd");
        assert_eq!(clean("C:\\x\\y.txt"), "y.txt");
        assert_eq!(clean("猫.png"), "unknown.png");
        assert_eq!(clean(".."), "unknown");
        assert_eq!(clean(".htaccess"), "htaccess");
        assert_eq!(clean(""), "unknown");
        assert_eq!(clean("SPOILER_a.png"), "SPOILER_a.png");
        let long = clean(&format!("{}.png", "x".repeat(500)));
        assert!(long.len() == 200 && long.ends_with(".png"));
    }
}
