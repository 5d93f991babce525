//! Embeds of a request: limits by path, and brought to what the server shows.

use crate::limits::{
    EMBED_AUTHOR_CHARS_MAX, EMBED_DESCRIPTION_CHARS_MAX, EMBED_FIELD_NAME_CHARS_MAX,
    EMBED_FIELD_VALUE_CHARS_MAX, EMBED_FIELDS_MAX, EMBED_FOOTER_CHARS_MAX, EMBED_TITLE_CHARS_MAX,
    EMBEDS_CHARS_TOTAL_MAX, EMBEDS_MAX, URL_CHARS_MAX,
};
use crate::{Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia, Form, Patch};

/// Reads `embeds`, and the older `embed` with a single one.
pub(super) fn read_all(form: &Form<'_>) -> Patch<Vec<Embed>> {
    let embeds = match form.has("embeds") {
        true => form.patch_array("embeds", EMBEDS_MAX, read),
        false => form.patch_object("embed", read).map(|embed| vec![embed]),
    };
    let total: usize = embeds.as_option().into_iter().flatten().map(chars).sum();
    if total > EMBEDS_CHARS_TOTAL_MAX {
        let message = format!("Embed size exceeds maximum size of {EMBEDS_CHARS_TOTAL_MAX}");
        form.error("embeds", "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    embeds
}

/// Reads one embed. Type, provider, video, sizes and proxy addresses are the server's and not read.
fn read(form: &Form<'_>) -> Option<Embed> {
    let fields = form.array("fields", EMBED_FIELDS_MAX, |form| {
        let name = form.required("name", form.text("name", 1..=EMBED_FIELD_NAME_CHARS_MAX));
        let value = form.required("value", form.text("value", 1..=EMBED_FIELD_VALUE_CHARS_MAX));
        Some(EmbedField { name: name?, value: value?, inline: form.flag("inline") })
    });
    let footer = form.object("footer", |form| {
        let text = form.text("text", 0..=EMBED_FOOTER_CHARS_MAX);
        Some(EmbedFooter {
            text: text.unwrap_or_default(),
            icon_url: url(form, "icon_url"),
            proxy_icon_url: None,
        })
    });
    let author = form.object("author", |form| {
        Some(EmbedAuthor {
            name: form.text("name", 0..=EMBED_AUTHOR_CHARS_MAX).unwrap_or_default(),
            url: url(form, "url"),
            icon_url: url(form, "icon_url"),
            proxy_icon_url: None,
        })
    });
    let embed = Embed {
        kind: "rich".to_owned(),
        title: form.text("title", 0..=EMBED_TITLE_CHARS_MAX).filter(|text| !text.is_empty()),
        description: form
            .text("description", 0..=EMBED_DESCRIPTION_CHARS_MAX)
            .filter(|text| !text.is_empty()),
        url: url(form, "url"),
        timestamp: form.timestamp("timestamp"),
        color: form.color("color"),
        footer: footer.filter(|footer| !footer.text.is_empty() || footer.icon_url.is_some()),
        image: media(form, "image"),
        thumbnail: media(form, "thumbnail"),
        video: None,
        provider: None,
        author: author.filter(|author| !author.name.is_empty()),
        fields: fields.unwrap_or_default(),
    };
    // An embed that shows nothing is refused, its own errors apart.
    let blank = Embed { kind: embed.kind.clone(), ..Embed::default() };
    if (Embed { color: None, timestamp: None, url: None, ..embed.clone() }) == blank
        && embed.timestamp.is_none()
        && !form.has_errors()
    {
        form.error("description", "BASE_TYPE_REQUIRED", "This field is required");
    }
    Some(embed)
}

fn media(form: &Form<'_>, name: &str) -> Option<EmbedMedia> {
    form.object(name, |form| {
        let url = form.required("url", url(form, "url"))?;
        Some(EmbedMedia { url: Some(url), ..EmbedMedia::default() })
    })
}

/// An address of the web, or `attachment://` with the name of an uploaded file. Empty is none.
fn url(form: &Form<'_>, name: &str) -> Option<String> {
    let text = form.text(name, 0..=URL_CHARS_MAX).filter(|text| !text.is_empty())?;
    let scheme = text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest))
            if !rest.is_empty() && ["http", "https", "attachment"].contains(&scheme.as_str()) =>
        {
            Some(text)
        }
        Some(_) => {
            let message = "Scheme must be one of ('http', 'https').";
            form.error(name, "URL_TYPE_INVALID_SCHEME", message);
            None
        }
        None => {
            form.error(name, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
            None
        }
    }
}

/// Characters of an embed that count towards the total.
fn chars(embed: &Embed) -> usize {
    let count = |text: &str| text.chars().count();
    let option = |text: &Option<String>| text.as_deref().map_or(0, count);
    option(&embed.title)
        + option(&embed.description)
        + embed.footer.as_ref().map_or(0, |footer| count(&footer.text))
        + embed.author.as_ref().map_or(0, |author| count(&author.name))
        + embed.fields.iter().map(|field| count(&field.name) + count(&field.value)).sum::<usize>()
}
