//! `attachment://name`: references from embeds and components to files of the same message (API Reference, "Using
//! Attachments within Embeds").

use crate::component::{Body, Component, ComponentMedia};
use crate::{ApiError, Attachment, Embed, EmbedMedia};

const SCHEME: &str = "attachment://";

/// Puts the files' addresses in place of `attachment://` references. Files shown by an embed are no longer listed as
/// attachments; a reference to no file is dropped.
pub fn link_attachments(
    embeds: &mut [Embed],
    components: &mut [Component],
    attachments: &mut Vec<Attachment>,
) {
    let mut shown = Vec::new();
    for embed in embeds {
        for media in [&mut embed.image, &mut embed.thumbnail] {
            link_media(media, attachments, &mut shown);
        }
        let footer = embed.footer.as_mut().map(|footer| (&mut footer.icon_url, &mut footer.proxy_icon_url));
        let author = embed.author.as_mut().map(|author| (&mut author.icon_url, &mut author.proxy_icon_url));
        for (url, proxy) in footer.into_iter().chain(author) {
            link_icon(url, proxy, attachments, &mut shown);
        }
    }
    components.iter_mut().for_each(|component| link_component(component, attachments));
    attachments.retain(|attachment| !shown.contains(&attachment.id));
}

/// The name a URL refers to, if it does.
fn referred(url: &str) -> Option<&str> {
    url.strip_prefix(SCHEME)
}

fn find<'a>(attachments: &'a [Attachment], name: &str) -> Option<&'a Attachment> {
    attachments.iter().find(|attachment| attachment.filename == name).or_else(|| {
        let clean = crate::validate::clean_file_name(name).name;
        attachments.iter().find(|attachment| attachment.filename == clean)
    })
}

fn link_media(
    media: &mut Option<EmbedMedia>,
    attachments: &[Attachment],
    shown: &mut Vec<crate::AttachmentId>,
) {
    let Some(name) = media.as_ref().and_then(|media| referred(media.url.as_deref()?)) else { return };
    *media = find(attachments, name).map(|attachment| {
        shown.push(attachment.id);
        EmbedMedia {
            url: Some(attachment.url.clone()),
            proxy_url: Some(attachment.proxy_url.clone()),
            width: attachment.width,
            height: attachment.height,
            content_type: attachment.content_type.clone(),
        }
    });
}

fn link_icon(
    url: &mut Option<String>,
    proxy: &mut Option<String>,
    attachments: &[Attachment],
    shown: &mut Vec<crate::AttachmentId>,
) {
    let Some(name) = url.as_deref().and_then(referred) else { return };
    let found = find(attachments, name);
    shown.extend(found.map(|attachment| attachment.id));
    (*url, *proxy) = (found.map(|a| a.url.clone()), found.map(|a| a.proxy_url.clone()));
}

/// Puts the addresses of files in place of the references of a component and those within it.
fn link_component(component: &mut Component, attachments: &[Attachment]) {
    component.walk_mut(&mut |component| {
        let mut linked = None;
        for media in component.media_mut() {
            let Some(file) = referred(&media.url).and_then(|name| find(attachments, name)) else { continue };
            *media = ComponentMedia {
                id: Some(file.id.cast()),
                url: file.url.clone(),
                proxy_url: file.proxy_url.clone(),
                width: file.width,
                height: file.height,
                content_type: file.content_type.clone(),
                attachment_id: Some(file.id),
            };
            linked = Some(file);
        }
        if let (Body::File(shown), Some(file)) = (&mut component.body, linked) {
            shown.name = Some(file.filename.clone());
            shown.size = Some(file.size);
        }
    });
}

/// Refuses components that refer to a file which the message does not have; call it after [`link_attachments`].
///
/// # Errors
/// 400/50035 at the component.
pub fn require_linked(components: &[Component]) -> Result<(), ApiError> {
    for (index, component) in components.iter().enumerate() {
        let mut missing = None;
        component.walk(&mut |component| {
            missing = missing.or_else(|| component.media().find_map(|media| referred(&media.url)));
        });
        if let Some(name) = missing {
            let code = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND";
            let message = format!("The referenced attachment '{name}' was not found");
            return Err(ApiError::invalid_field(&format!("components.{index}"), code, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attachment(id: u64, filename: &str) -> Attachment {
        serde_json::from_value(json!({"id": id.to_string(), "filename": filename, "size": 1,
            "url": format!("https://cdn/{id}"), "proxy_url": format!("https://proxy/{id}"), "width": 3, "height": 4}))
        .unwrap()
    }

    #[test]
    fn files_shown_by_embeds_leave_the_list_and_those_of_components_stay() {
        let embed = |name: &str| -> Embed {
            serde_json::from_value(json!({"type": "rich", "image": {"url": format!("attachment://{name}")}}))
                .unwrap()
        };
        let mut embeds = [embed("a.png"), embed("missing.png")];
        let file = |name: &str| -> Component {
            serde_json::from_value(json!({"type": 13, "file": {"url": format!("attachment://{name}")}}))
                .unwrap()
        };
        let mut components = [file("b.txt")];
        let mut attachments = vec![attachment(1, "a.png"), attachment(2, "b.txt"), attachment(3, "c.txt")];
        link_attachments(&mut embeds, &mut components, &mut attachments);
        assert_eq!(embeds[0].image.as_ref().unwrap().url.as_deref(), Some("https://cdn/1"));
        assert!(embeds[1].image.is_none());
        let shown = serde_json::to_value(&components[0]).unwrap();
        assert_eq!((&shown["file"]["url"], &shown["name"]), (&json!("https://cdn/2"), &json!("b.txt")));
        assert!(require_linked(&components).is_ok());
        assert_eq!(require_linked(&[file("missing.txt")]).unwrap_err().code, 50035);
        assert_eq!(attachments.iter().map(|a| a.id.get()).collect::<Vec<_>>(), [2, 3]);
    }
}
