//! From a message as it is stored to one that is shown.
//!
//! Stored messages hold what their authors said: `attachment://name` in embeds and components, every file in `attachments`
//! with its path in place of an address. What is shown has addresses, leaves out files that an embed shows, and has no
//! embeds while SUPPRESS_EMBEDS is set (Message page, "Message Flags"; API Reference, "Using Attachments within Embeds").

use consort_model::component::{Body, Component, ComponentMedia};
use consort_model::request::message::SPOILER_PREFIX;
use consort_model::validate::clean_file_name;
use consort_model::{
    ApiError, Attachment, AttachmentId, Embed, EmbedMedia, Message, MessageFlags, SnapshotMessage,
};

use crate::Links;
use crate::links::AttachmentPath;

/// A reference to a file of the same message.
const SCHEME: &str = "attachment://";

impl Links {
    /// Makes of a stored message one to be shown at this time, with the messages inside it.
    pub fn show(&self, now_ms: u64, message: &mut Message) {
        self.show_parts(
            now_ms,
            message.flags,
            &mut message.embeds,
            &mut message.components,
            &mut message.attachments,
        );
        for snapshot in &mut message.message_snapshots {
            let SnapshotMessage { flags, embeds, components, attachments, .. } = &mut snapshot.message;
            self.show_parts(now_ms, *flags, embeds, components, attachments);
        }
        if let Some(Some(answered)) = &mut message.referenced_message {
            self.show(now_ms, answered);
        }
    }

    /// Makes of the parts of a stored message what is shown.
    pub fn show_parts(
        &self,
        now_ms: u64,
        flags: MessageFlags,
        embeds: &mut Vec<Embed>,
        components: &mut [Component],
        attachments: &mut Vec<Attachment>,
    ) {
        if flags.contains(MessageFlags::SUPPRESS_EMBEDS) {
            embeds.clear();
        }
        for attachment in attachments.iter_mut() {
            self.show_attachment(now_ms, attachment);
        }
        let mut view = View { links: self, now_ms, attachments, in_embeds: Vec::new() };
        embeds.iter_mut().for_each(|embed| view.embed(embed));
        let in_embeds = view.in_embeds;
        let view = View { links: self, now_ms, attachments, in_embeds: Vec::new() };
        components.iter_mut().for_each(|component| view.component(component));
        attachments.retain(|attachment| !in_embeds.contains(&attachment.id));
    }

    /// Puts in the address of one file.
    pub fn show_attachment(&self, now_ms: u64, attachment: &mut Attachment) {
        let Some(stored) = AttachmentPath::parse(&attachment.url) else { return };
        // A file may have been given another name since it was stored.
        let url = self.attachment(&AttachmentPath { filename: &attachment.filename, ..stored }, now_ms);
        attachment.proxy_url.clone_from(&url);
        attachment.url = url;
    }

    /// Brings the addresses of embeds and components that a client sent to what is stored: our own, which clients send back
    /// with what they were shown, become references again. An address that this server never signed stays a foreign one.
    pub fn take_back(&self, embeds: &mut [Embed], components: &mut [Component], attachments: &[Attachment]) {
        let stored = |url: &str| {
            let path = self.own(url)?;
            let own = attachments.iter().find(|attachment| attachment.id.get() == path.attachment);
            Some(own.map_or_else(|| path.to_string(), |own| format!("{SCHEME}{}", own.filename)))
        };
        for component in components {
            component.walk_mut(&mut |component| {
                for media in component.media_mut() {
                    if let Some(stored) = stored(&media.url) {
                        media.url = stored;
                    }
                }
            });
        }
        let back = |url: &mut Option<String>| {
            if let Some(stored) = url.as_deref().and_then(&stored) {
                *url = Some(stored);
            }
        };
        for embed in embeds {
            for media in [&mut embed.image, &mut embed.thumbnail, &mut embed.video].into_iter().flatten() {
                back(&mut media.url);
            }
            embed.footer.iter_mut().for_each(|footer| back(&mut footer.icon_url));
            embed.author.iter_mut().for_each(|author| back(&mut author.icon_url));
        }
    }
}

/// What the addresses of one message are made of.
struct View<'a> {
    links: &'a Links,
    now_ms: u64,
    /// The files, with their addresses.
    attachments: &'a [Attachment],
    /// Those that an embed shows.
    in_embeds: Vec<AttachmentId>,
}

/// The file that a reference names: as it was sent, or as it is called now.
fn find<'a>(attachments: &'a [Attachment], name: &str) -> Option<&'a Attachment> {
    let plain = |name: &str| name.trim_start_matches(SPOILER_PREFIX).to_owned();
    let clean = clean_file_name(name).name;
    let by = |is: &dyn Fn(&str) -> bool| attachments.iter().find(|attachment| is(&attachment.filename));
    by(&|known| known == name)
        .or_else(|| by(&|known| known == clean))
        .or_else(|| by(&|known| plain(known) == plain(&clean)))
}

/// What an address in a stored message means.
enum Meaning<'a> {
    File(&'a Attachment),
    /// A file of another message, or a picture of another server: address and proxied address.
    Other(String, String),
    /// A file that is not there.
    Missing,
}

impl<'a> View<'a> {
    fn meaning(&self, url: &str) -> Meaning<'a> {
        if let Some(name) = url.strip_prefix(SCHEME) {
            return find(self.attachments, name).map_or(Meaning::Missing, Meaning::File);
        }
        if let Some(path) = AttachmentPath::parse(url) {
            let url = self.links.attachment(&path, self.now_ms);
            return Meaning::Other(url.clone(), url);
        }
        Meaning::Other(url.to_owned(), self.links.proxied(url))
    }

    fn embed(&mut self, embed: &mut Embed) {
        for media in [&mut embed.image, &mut embed.thumbnail] {
            self.media(media);
        }
        // A film is its host's; only its picture is shown through this server, and that is the thumbnail.
        if let Some(footer) = &mut embed.footer {
            self.icon(&mut footer.icon_url, &mut footer.proxy_icon_url);
        }
        if let Some(author) = &mut embed.author {
            self.icon(&mut author.icon_url, &mut author.proxy_icon_url);
        }
    }

    fn media(&mut self, media: &mut Option<EmbedMedia>) {
        let Some(shown) = media else { return };
        let Some(url) = shown.url.as_deref() else { return };
        match self.meaning(url) {
            Meaning::File(attachment) => {
                self.in_embeds.push(attachment.id);
                *shown = EmbedMedia {
                    url: Some(attachment.url.clone()),
                    proxy_url: Some(attachment.proxy_url.clone()),
                    width: attachment.width,
                    height: attachment.height,
                    content_type: attachment.content_type.clone(),
                };
            }
            Meaning::Other(url, proxied) => (shown.url, shown.proxy_url) = (Some(url), Some(proxied)),
            Meaning::Missing => *media = None,
        }
    }

    fn icon(&mut self, url: &mut Option<String>, proxy: &mut Option<String>) {
        let Some(stored) = url.as_deref() else { return };
        match self.meaning(stored) {
            Meaning::File(attachment) => {
                self.in_embeds.push(attachment.id);
                (*url, *proxy) = (Some(attachment.url.clone()), Some(attachment.proxy_url.clone()));
            }
            Meaning::Other(other, proxied) => (*url, *proxy) = (Some(other), Some(proxied)),
            Meaning::Missing => (*url, *proxy) = (None, None),
        }
    }

    /// Files of components stay listed.
    fn component(&self, component: &mut Component) {
        component.walk_mut(&mut |component| {
            let mut file = None;
            for media in component.media_mut() {
                match self.meaning(&media.url) {
                    Meaning::File(attachment) => {
                        *media = ComponentMedia {
                            id: Some(attachment.id.cast()),
                            url: attachment.url.clone(),
                            proxy_url: attachment.proxy_url.clone(),
                            width: attachment.width,
                            height: attachment.height,
                            content_type: attachment.content_type.clone(),
                            attachment_id: Some(attachment.id),
                        };
                        file = Some(attachment);
                    }
                    Meaning::Other(url, proxied) => (media.url, media.proxy_url) = (url, proxied),
                    Meaning::Missing => {}
                }
            }
            if let (Body::File(shown), Some(file)) = (&mut component.body, file) {
                shown.name = Some(file.filename.clone());
                shown.size = Some(file.size);
            }
        });
    }
}

/// Refuses components that refer to a file which the message does not have, or show one that lies elsewhere as a file.
///
/// # Errors
/// 400/50035 at the component.
pub fn require_files(components: &[Component], attachments: &[Attachment]) -> Result<(), ApiError> {
    for (index, component) in components.iter().enumerate() {
        let (mut missing, mut foreign) = (None, false);
        component.walk(&mut |component| {
            let referred = |url: &str| {
                let name = url.strip_prefix(SCHEME)?;
                find(attachments, name).is_none().then(|| name.to_owned())
            };
            // A file shows one of the message, never what lies elsewhere (Component Reference, File).
            let is_file = matches!(component.body, Body::File(_));
            foreign |= is_file && component.media().any(|media| !media.url.starts_with(SCHEME));
            missing = missing.take().or_else(|| component.media().find_map(|media| referred(&media.url)));
        });
        if foreign {
            let message = "Scheme must be one of ('attachment').";
            return Err(ApiError::invalid_field(
                &format!("components.{index}"),
                "URL_TYPE_INVALID_SCHEME",
                message,
            ));
        }
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
    use super::*;
    use serde_json::{Value, json};

    const NOW_MS: u64 = 1_790_000_000_000;

    fn attachment(id: u64, filename: &str) -> Attachment {
        serde_json::from_value(json!({"id": id.to_string(), "filename": filename, "size": 1, "proxy_url": "",
            "url": format!("/attachments/9/{id}/{filename}"), "width": 3, "height": 4}))
        .unwrap()
    }

    fn embed(url: &str) -> Embed {
        serde_json::from_value(json!({"type": "rich", "title": "t", "image": {"url": url}})).unwrap()
    }

    /// Embeds, components and attachments as they are shown.
    fn shown(
        flags: MessageFlags,
        embeds: &[Embed],
        components: &[Value],
        attachments: &[Attachment],
    ) -> (Vec<Embed>, Vec<Value>, Vec<u64>) {
        let (mut embeds, mut attachments) = (embeds.to_vec(), attachments.to_vec());
        let mut components: Vec<Component> = serde_json::from_value(json!(components)).unwrap();
        Links::sample().show_parts(NOW_MS, flags, &mut embeds, &mut components, &mut attachments);
        assert!(attachments.iter().all(|a| a.url.starts_with("http://files.test/cdn/attachments/9/")));
        let components = components.iter().map(|component| json!(component)).collect();
        (embeds, components, attachments.iter().map(|a| a.id.get()).collect())
    }

    fn image(embed: &Embed) -> &str {
        embed.image.as_ref().and_then(|image| image.url.as_deref()).unwrap_or("none")
    }

    #[test]
    fn files_shown_by_embeds_leave_the_list_and_those_of_components_stay() {
        let components = [json!({"type": 13, "file": {"url": "attachment://b.txt"}})];
        let files = [attachment(1, "a.png"), attachment(2, "b.txt"), attachment(3, "c.txt")];
        let embeds = [embed("attachment://a.png"), embed("attachment://missing.png")];
        let (embeds, components, listed) = shown(MessageFlags::empty(), &embeds, &components, &files);
        assert!(image(&embeds[0]).starts_with("http://files.test/cdn/attachments/9/1/a.png?ex="));
        assert_eq!(image(&embeds[1]), "none");
        let file = components[0]["file"]["url"].as_str().unwrap();
        assert!(file.starts_with("http://files.test/cdn/attachments/9/2/b.txt?ex="), "{file}");
        assert_eq!(listed, [2, 3]);
    }

    #[test]
    fn a_message_whose_embeds_are_suppressed_shows_none_and_lists_their_files() {
        let files = [attachment(1, "a.png")];
        let (embeds, _, listed) =
            shown(MessageFlags::SUPPRESS_EMBEDS, &[embed("attachment://a.png")], &[], &files);
        assert!(embeds.is_empty());
        assert_eq!(listed, [1]);
    }

    #[test]
    fn a_file_is_found_by_the_name_it_was_sent_under() {
        for (sent, stored) in [
            (".htaccess", clean_file_name(".htaccess").name),
            ("my cat.png", clean_file_name("my cat.png").name),
            ("k.png", "SPOILER_k.png".to_owned()),
        ] {
            let embeds = [embed(&format!("attachment://{sent}"))];
            let (embeds, _, listed) = shown(MessageFlags::empty(), &embeds, &[], &[attachment(1, &stored)]);
            assert!(image(&embeds[0]).contains(&format!("/9/1/{stored}?")), "{sent}");
            assert!(listed.is_empty());
        }
    }

    #[test]
    fn pictures_of_other_servers_are_shown_through_this_one() {
        let components = [json!({"type": 12, "items": [{"media": {"url": "https://other.test/b.png"}}]})];
        let (embeds, components, _) =
            shown(MessageFlags::empty(), &[embed("https://other.test/a.png")], &components, &[]);
        assert_eq!(image(&embeds[0]), "https://other.test/a.png");
        let proxied = embeds[0].image.as_ref().unwrap().proxy_url.as_deref().unwrap();
        assert!(proxied.starts_with("http://files.test/media/external/"));
        let proxied = components[0]["items"][0]["media"]["proxy_url"].as_str().unwrap();
        assert!(proxied.starts_with("http://files.test/media/external/"));
    }

    #[test]
    fn addresses_that_clients_send_back_become_references_again() {
        let links = Links::sample();
        let files = [attachment(1, "a.png")];
        let (shown, ..) = shown(MessageFlags::empty(), &[embed("attachment://a.png")], &[], &files);
        let other = links.attachment(&AttachmentPath::parse("/attachments/8/7/o.png").unwrap(), NOW_MS);
        let forged = "http://files.test/cdn/attachments/8/7/o.png?ex=ffffffff&is=0&hm=00";
        let mut embeds = [shown[0].clone(), embed(&other), embed(forged)];
        let file = json!([{"type": 13, "file": {"url": image(&shown[0])}}]);
        let mut components: Vec<Component> = serde_json::from_value(file).unwrap();
        links.take_back(&mut embeds, &mut components, &files);
        assert_eq!(json!(components[0])["file"]["url"], "attachment://a.png");
        assert!(require_files(&components, &files).is_ok());
        assert_eq!(require_files(&components, &[]).unwrap_err().code, 50035);
        let stored: Vec<_> = embeds.iter().map(image).collect();
        assert_eq!(stored, ["attachment://a.png", "/attachments/8/7/o.png", forged]);
    }
}
