//! Components of a request, each read into its typed fields.
//!
//! Fields and bounds: Component Reference, and the `...ForMessageRequest` and `...ForModalRequest` schemas of the published
//! API description. Unknown keys are dropped. What may stand where is decided by [`Surface`], so nesting has an end.

use std::ops::RangeInclusive;

use crate::component::{
    Body, Button, Checkbox, Choices, Component, ComponentEmoji, ComponentMedia, Container, DefaultValue,
    DefaultValueKind, File, FileUpload, Gallery, Label, Row, Section, Select, SelectOption, Separator,
    TextDisplay, TextInput, Thumbnail, number_components,
};
use crate::limits::{
    ACTION_ROWS_MAX, ATTACHMENT_DESCRIPTION_CHARS_MAX, BUTTON_LABEL_CHARS_MAX, BUTTON_URL_CHARS_MAX,
    CHECKBOX_OPTIONS, COMPONENT_EMOJI_NAME_CHARS_MAX, COMPONENTS_V2_CHARS_TOTAL_MAX, COMPONENTS_V2_MAX,
    CUSTOM_ID_CHARS, GALLERY_ITEMS, LABEL_CHARS, LABEL_DESCRIPTION_CHARS, MODAL_COMPONENTS, RADIO_OPTIONS,
    ROW_BUTTONS_MAX, SECTION_TEXTS, SELECT_OPTION_CHARS_MAX, SELECT_OPTIONS_MAX,
    SELECT_PLACEHOLDER_CHARS_MAX, TEXT_INPUT_CHARS_MAX, TEXT_INPUT_PLACEHOLDER_CHARS_MAX, UPLOAD_FILES_MAX,
    URL_CHARS_MAX,
};
use crate::validate::is_unicode_emoji;
use crate::{ApiError, Form, LookupSet, Patch};

/// Choices of one select.
const VALUES_MAX: u8 = SELECT_OPTIONS_MAX as u8;
/// Channel types that a select can offer (Channel page, "Channel Types").
const CHANNEL_TYPES: &[u8] = &[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16];

/// Where a component stands, which decides the kinds that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    /// At the top of a message without IS_COMPONENTS_V2.
    Message,
    /// At the top of a message with it.
    MessageV2,
    /// In the row of a message.
    Row,
    Container,
    /// Among the texts of a section.
    Section,
    /// Beside them.
    Accessory,
    /// At the top of a form.
    Modal,
    /// In the row of a form.
    ModalRow,
    Label,
}

impl Surface {
    const fn allowed(self) -> &'static [u8] {
        match self {
            Self::Message => &[1],
            Self::MessageV2 => &[1, 9, 10, 12, 13, 14, 17],
            Self::Row => &[2, 3, 5, 6, 7, 8],
            Self::Container => &[1, 9, 10, 12, 13, 14],
            Self::Section => &[10],
            Self::Accessory => &[2, 11],
            Self::Modal => &[1, 10, 18],
            Self::ModalRow => &[4],
            Self::Label => &[3, 4, 5, 6, 7, 8, 19, 21, 22, 23],
        }
    }

    /// Whether components of a form are read.
    const fn is_modal(self) -> bool {
        matches!(self, Self::Modal | Self::ModalRow | Self::Label)
    }
}

/// Reads `components` of a message.
pub(super) fn of_message(form: &Form<'_>, v2: bool) -> Patch<Vec<Component>> {
    let (place, max) =
        if v2 { (Surface::MessageV2, COMPONENTS_V2_MAX) } else { (Surface::Message, ACTION_ROWS_MAX) };
    form.patch("components", |form| Reader::default().list(form, 0..=max, place)).map(|mut list| {
        number_components(&mut list);
        list
    })
}

/// Reads `components` of a form.
pub(super) fn of_modal(form: &Form<'_>) -> Option<Vec<Component>> {
    let list = Reader::default().list(form, MODAL_COMPONENTS, Surface::Modal);
    let mut list = form.required("components", list)?;
    number_components(&mut list);
    Some(list)
}

/// Refuses what only a message with IS_COMPONENTS_V2 may have, of a message that turned out not to have the flag.
///
/// # Errors
/// 400/50035 at the component.
pub fn require_message_v1(components: &[Component]) -> Result<(), ApiError> {
    if components.len() > ACTION_ROWS_MAX {
        let message = format!("Must be {ACTION_ROWS_MAX} or fewer in length.");
        return Err(ApiError::invalid_field("components", "BASE_TYPE_MAX_LENGTH", message));
    }
    match components.iter().position(|component| !Surface::Message.allowed().contains(&component.body.kind()))
    {
        None => Ok(()),
        Some(index) => {
            let path = format!("components.{index}.type");
            Err(ApiError::invalid_field(&path, "UNION_TYPE_CHOICES", not_here(Surface::Message)))
        }
    }
}

/// Refuses components that need an application, of a sender that is none.
///
/// # Errors
/// 400/50035 at the component.
pub fn require_not_interactive(components: &[Component]) -> Result<(), ApiError> {
    match components.iter().position(Component::is_interactive) {
        None => Ok(()),
        Some(index) => {
            let message = "Interactive components can only be sent by applications.";
            let path = format!("components.{index}");
            Err(ApiError::invalid_field(&path, "COMPONENT_INTERACTIVE_NOT_ALLOWED", message))
        }
    }
}

fn not_here(place: Surface) -> String {
    let list = place.allowed().iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    format!("Value of field \"type\" must be one of ({list}).")
}

/// What is counted over all components of one message or form.
#[derive(Default)]
struct Reader {
    count: usize,
    text_chars: usize,
    ids: LookupSet<u32>,
    custom_ids: LookupSet<String>,
}

impl Reader {
    /// Reads the list at the top and judges it as a whole.
    fn list(
        &mut self,
        form: &Form<'_>,
        length: RangeInclusive<usize>,
        place: Surface,
    ) -> Option<Vec<Component>> {
        let list = self.children(form, length, place);
        if self.count > COMPONENTS_V2_MAX {
            let message = format!("Must be {COMPONENTS_V2_MAX} or fewer in length.");
            form.error("components", "BASE_TYPE_MAX_LENGTH", message);
        }
        if self.text_chars > COMPONENTS_V2_CHARS_TOTAL_MAX {
            let message = format!(
                "The total displayable text must be {COMPONENTS_V2_CHARS_TOTAL_MAX} or fewer in length."
            );
            form.error("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message);
        }
        list
    }

    fn children(
        &mut self,
        form: &Form<'_>,
        length: RangeInclusive<usize>,
        place: Surface,
    ) -> Option<Vec<Component>> {
        sized(form, "components", length, |form| self.component(form, place))
    }

    fn component(&mut self, form: &Form<'_>, place: Surface) -> Option<Component> {
        self.count += 1;
        let kind: u8 = form.required("type", form.int("type", 0..=u8::MAX))?;
        if !place.allowed().contains(&kind) {
            form.error("type", "UNION_TYPE_CHOICES", not_here(place));
            return None;
        }
        let id = form.int("id", 0..=i32::MAX as u32).unwrap_or(0);
        if id != 0 && !self.ids.insert(id) {
            form.error("id", "COMPONENT_ID_DUPLICATED", "Component id cannot be duplicated");
        }
        let body = match kind {
            1 => Body::Row(self.row(form, place)?),
            2 => Body::Button(self.button(form)?),
            3 => Body::StringSelect(self.select(form, place, kind)?),
            4 => Body::TextInput(self.text_input(form, place)?),
            5 => Body::UserSelect(self.select(form, place, kind)?),
            6 => Body::RoleSelect(self.select(form, place, kind)?),
            7 => Body::MentionableSelect(self.select(form, place, kind)?),
            8 => Body::ChannelSelect(self.select(form, place, kind)?),
            9 => Body::Section(self.section(form)?),
            10 => Body::TextDisplay(self.text_display(form)?),
            11 => Body::Thumbnail(thumbnail(form)?),
            12 => Body::Gallery(Gallery { items: sized(form, "items", GALLERY_ITEMS, thumbnail)? }),
            13 => Body::File(file(form)?),
            14 => Body::Separator(separator(form)),
            17 => Body::Container(self.container(form)?),
            18 => Body::Label(self.label(form)?),
            19 => Body::FileUpload(self.file_upload(form)?),
            21 => Body::RadioGroup(self.choices(form, RADIO_OPTIONS)?),
            22 => Body::CheckboxGroup(self.checkbox_group(form)?),
            _ => Body::Checkbox(Checkbox { custom_id: self.custom_id(form)?, default: form.flag("default") }),
        };
        Some(Component { id, body })
    }

    fn row(&mut self, form: &Form<'_>, place: Surface) -> Option<Row> {
        let (length, within) = match place.is_modal() {
            true => (1..=1, Surface::ModalRow),
            false => (1..=ROW_BUTTONS_MAX, Surface::Row),
        };
        let components = self.children(form, length, within)?;
        // A select is as wide as a row.
        let select =
            components.iter().position(|component| within == Surface::Row && component.body.kind() != 2);
        if let Some(index) = select.filter(|_| components.len() > 1) {
            let message = "The specified component exceeds the maximum width";
            form.error(&format!("components.{index}"), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
        }
        Some(Row { components })
    }

    fn custom_id(&mut self, form: &Form<'_>) -> Option<String> {
        let id = form.required("custom_id", form.str("custom_id", CUSTOM_ID_CHARS))?;
        if !self.custom_ids.insert(id.clone()) {
            let message = "Component custom id cannot be duplicated";
            form.error("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
        Some(id)
    }

    fn button(&mut self, form: &Form<'_>) -> Option<Button> {
        const LINK: u8 = 5;
        const PURCHASE: u8 = 6;
        let style = form.required("style", form.choice_u8("style", &[1, 2, 3, 4, LINK, PURCHASE]))?;
        let label = form.text("label", 0..=BUTTON_LABEL_CHARS_MAX).filter(|label| !label.is_empty());
        let mut button = Button {
            style,
            label,
            emoji: emoji(form),
            custom_id: None,
            url: None,
            sku_id: None,
            disabled: form.flag("disabled"),
        };
        let excluded: &[&str] = match style {
            LINK => {
                button.url = form.required("url", link(form));
                &["custom_id", "sku_id"]
            }
            PURCHASE => {
                button.sku_id = form.required("sku_id", form.id("sku_id"));
                &["custom_id", "url", "label", "emoji"]
            }
            _ => {
                button.custom_id = self.custom_id(form);
                &["url", "sku_id"]
            }
        };
        for name in excluded.iter().filter(|name| form.opt(name).is_some()) {
            let message = format!("A button of style {style} cannot have this field.");
            form.error(name, "BUTTON_COMPONENT_FIELD_NOT_ALLOWED", message);
        }
        if style != PURCHASE
            && button.label.is_none()
            && button.emoji.is_none()
            && form.opt("emoji").is_none()
        {
            // There would be nothing to see (discord.js#5675).
            form.error("label", "BASE_TYPE_REQUIRED", "This field is required");
        }
        Some(button)
    }

    fn select(&mut self, form: &Form<'_>, place: Surface, kind: u8) -> Option<Select> {
        let custom_id = self.custom_id(form);
        let (min_values, max_values) = values(form, VALUES_MAX);
        // Who may choose so many can (discord.py#6984).
        let most = usize::from(max_values.max(1));
        let options = match kind {
            3 => Some(options(form, most..=SELECT_OPTIONS_MAX, true)),
            _ => None,
        };
        let default_values = if kind == 3 { Vec::new() } else { default_values(form, kind) };
        if !default_values.is_empty()
            && !(usize::from(min_values)..=usize::from(max_values)).contains(&default_values.len())
        {
            form.bad_length("default_values", min_values.into(), max_values.into());
        }
        let channel_types = if kind == 8 { channel_types(form) } else { Vec::new() };
        let placeholder = form.text("placeholder", 0..=SELECT_PLACEHOLDER_CHARS_MAX);
        Some(Select {
            custom_id: custom_id?,
            placeholder: placeholder.filter(|text| !text.is_empty()),
            min_values,
            max_values,
            disabled: form.flag("disabled") && !place.is_modal(),
            required: form.bool("required").filter(|_| place.is_modal()),
            options: match options {
                Some(options) => Some(options?),
                None => None,
            },
            default_values,
            channel_types,
        })
    }

    fn text_input(&mut self, form: &Form<'_>, place: Surface) -> Option<TextInput> {
        let custom_id = self.custom_id(form);
        let style = form.required("style", form.choice_u8("style", &[1, 2]));
        let mut label = form.text("label", LABEL_CHARS);
        match place {
            Surface::ModalRow => label = form.required("label", label),
            _ => label = None,
        }
        let most = TEXT_INPUT_CHARS_MAX as u16;
        let (min_length, max_length) = (form.int("min_length", 0..=most), form.int("max_length", 1..=most));
        if min_length.zip(max_length).is_some_and(|(min, max)| min > max) {
            form.error("min_length", "NUMBER_TYPE_MAX", "min_length cannot be greater than max_length.");
        }
        let value = form.str("value", 0..=max_length.map_or(TEXT_INPUT_CHARS_MAX, usize::from));
        let placeholder = form.text("placeholder", 0..=TEXT_INPUT_PLACEHOLDER_CHARS_MAX);
        Some(TextInput {
            custom_id: custom_id?,
            style: style?,
            label,
            value: value.filter(|text| !text.is_empty()),
            placeholder: placeholder.filter(|text| !text.is_empty()),
            required: form.bool("required").unwrap_or(true),
            min_length,
            max_length,
        })
    }

    fn section(&mut self, form: &Form<'_>) -> Option<Section> {
        let components = self.children(form, SECTION_TEXTS, Surface::Section);
        let accessory = form.object("accessory", |form| self.component(form, Surface::Accessory));
        let accessory = form.required("accessory", accessory)?;
        Some(Section { components: components?, accessory: Box::new(accessory) })
    }

    fn text_display(&mut self, form: &Form<'_>) -> Option<TextDisplay> {
        let content = form.text("content", 1..=COMPONENTS_V2_CHARS_TOTAL_MAX);
        let content = form.required("content", content)?;
        self.text_chars += content.chars().count();
        Some(TextDisplay { content })
    }

    fn container(&mut self, form: &Form<'_>) -> Option<Container> {
        let components = self.children(form, 1..=COMPONENTS_V2_MAX, Surface::Container);
        let (accent_color, spoiler) = (form.color("accent_color"), form.flag("spoiler"));
        Some(Container { components: components?, accent_color, spoiler })
    }

    fn label(&mut self, form: &Form<'_>) -> Option<Label> {
        let label = form.required("label", form.text("label", LABEL_CHARS));
        let description = form.text("description", 0..=*LABEL_DESCRIPTION_CHARS.end());
        let component = form.object("component", |form| self.component(form, Surface::Label));
        let component = form.required("component", component)?;
        Some(Label {
            label: label?,
            description: description.filter(|text| !text.is_empty()),
            component: Box::new(component),
        })
    }

    fn file_upload(&mut self, form: &Form<'_>) -> Option<FileUpload> {
        let custom_id = self.custom_id(form);
        let (min_values, max_values) = values(form, UPLOAD_FILES_MAX);
        let required = form.bool("required").unwrap_or(true);
        Some(FileUpload { custom_id: custom_id?, min_values, max_values, required })
    }

    fn choices(&mut self, form: &Form<'_>, length: RangeInclusive<usize>) -> Option<Choices> {
        let custom_id = self.custom_id(form);
        let options = options(form, length, false);
        let required = form.bool("required").unwrap_or(true);
        Some(Choices {
            custom_id: custom_id?,
            options: options?,
            min_values: None,
            max_values: None,
            required,
        })
    }

    fn checkbox_group(&mut self, form: &Form<'_>) -> Option<Choices> {
        let choices = self.choices(form, CHECKBOX_OPTIONS);
        let most = *CHECKBOX_OPTIONS.end() as u8;
        let (min, max) = (form.int("min_values", 0..=most), form.int("max_values", 1..=most));
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            form.error("min_values", "NUMBER_TYPE_MAX", "min_values cannot be greater than max_values.");
        }
        let choices = choices?;
        // All may be chosen unless it is said otherwise.
        let max = max.unwrap_or(choices.options.len() as u8);
        Some(Choices { min_values: Some(min.unwrap_or(1)), max_values: Some(max), ..choices })
    }
}

/// Reads a list that must be there, of a length within `length`.
fn sized<T>(
    form: &Form<'_>,
    name: &str,
    length: RangeInclusive<usize>,
    read: impl FnMut(&Form<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let (min, max) = length.into_inner();
    let got = form.opt(name).and_then(serde_json::Value::as_array).map(Vec::len);
    if got.is_some_and(|count| !(min..=max).contains(&count)) {
        form.bad_length(name, min, max);
        return None;
    }
    form.required(name, form.array(name, max, read))
}

/// `min_values` and `max_values`, by default 1 (Component Reference).
fn values(form: &Form<'_>, most: u8) -> (u8, u8) {
    let max = form.int("max_values", 1..=most).unwrap_or(1);
    let min = form.int("min_values", 0..=most);
    if min.is_some_and(|min| min > max) {
        form.error("min_values", "NUMBER_TYPE_MAX", "min_values cannot be greater than max_values.");
    }
    (min.unwrap_or(1), max)
}

fn options(form: &Form<'_>, length: RangeInclusive<usize>, emojis: bool) -> Option<Vec<SelectOption>> {
    let mut taken = LookupSet::default();
    sized(form, "options", length, |form| {
        let label = form.required("label", form.text("label", 1..=SELECT_OPTION_CHARS_MAX));
        let value = form.required("value", form.str("value", 1..=SELECT_OPTION_CHARS_MAX));
        if value.as_ref().is_some_and(|value| !taken.insert(value.clone())) {
            let message = "The specified option value is already used";
            form.error("value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
        let description = form.text("description", 0..=SELECT_OPTION_CHARS_MAX);
        Some(SelectOption {
            label: label?,
            value: value?,
            description: description.filter(|text| !text.is_empty()),
            emoji: if emojis { emoji(form) } else { None },
            default: form.flag("default"),
        })
    })
}

fn default_values(form: &Form<'_>, kind: u8) -> Vec<DefaultValue> {
    let allowed: &[(&str, DefaultValueKind)] = match kind {
        5 => &[("user", DefaultValueKind::User)],
        6 => &[("role", DefaultValueKind::Role)],
        7 => &[("user", DefaultValueKind::User), ("role", DefaultValueKind::Role)],
        _ => &[("channel", DefaultValueKind::Channel)],
    };
    let names = allowed.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let mut earlier = Vec::new();
    let list = form.array("default_values", SELECT_OPTIONS_MAX, |form| {
        let id = form.required("id", form.id("id"));
        let kind = form.required("type", form.choice_str("type", &names))?;
        let (_, kind) = allowed.iter().find(|(name, _)| *name == kind)?;
        let value = DefaultValue { id: id?, kind: *kind };
        if earlier.contains(&value) {
            form.error("id", "SET_TYPE_ALREADY_CONTAINS_VALUE", "The value has already been chosen.");
        }
        earlier.push(value.clone());
        Some(value)
    });
    list.unwrap_or_default()
}

fn channel_types(form: &Form<'_>) -> Vec<u8> {
    let Some(list) = form.list("channel_types", CHANNEL_TYPES.len()) else { return Vec::new() };
    let mut types = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        // Read as a field, so that what is wrong is said as for any other number.
        let one = serde_json::json!({ "type": value });
        let kind = Form::root(&one).ok().and_then(|one| one.choice_u8("type", CHANNEL_TYPES));
        match kind {
            Some(kind) if !types.contains(&kind) => types.push(kind),
            Some(_) => {}
            None => {
                let message = "Value is no type of a channel.";
                form.error(&format!("channel_types.{index}"), "BASE_TYPE_CHOICES", message);
            }
        }
    }
    types
}

/// The emoji of a button or option: of a guild by its id, else a character of Unicode.
fn emoji(form: &Form<'_>) -> Option<ComponentEmoji> {
    form.object("emoji", |form| {
        let id = form.id("id");
        let name = form.str("name", 0..=COMPONENT_EMOJI_NAME_CHARS_MAX).filter(|name| !name.is_empty());
        let animated = form.flag("animated");
        let name = match (&id, name) {
            // The id alone decides; the name is for those who cannot see the emoji.
            (Some(_), name) => name.unwrap_or_else(|| "_".to_owned()),
            (None, name) => {
                let name = form.required("name", name)?;
                if !is_unicode_emoji(&name) {
                    form.error("name", "BUTTON_COMPONENT_INVALID_EMOJI", "Invalid emoji");
                }
                name
            }
        };
        Some(ComponentEmoji { animated: animated && id.is_some(), id, name })
    })
}

/// Where a button leads.
fn link(form: &Form<'_>) -> Option<String> {
    url(form, BUTTON_URL_CHARS_MAX, &["http", "https", "discord"])
}

/// Reads `url`, whose scheme must be one of `schemes`.
fn url(form: &Form<'_>, chars_max: usize, schemes: &[&str]) -> Option<String> {
    let text = form.text("url", 1..=chars_max)?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let is_plain = !rest.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if !is_plain {
        form.error("url", "URL_TYPE_INVALID_URL", "Not a well formed URL.");
        return None;
    }
    if !schemes.contains(&scheme.to_ascii_lowercase().as_str()) {
        let list = schemes.iter().map(|scheme| format!("'{scheme}'")).collect::<Vec<_>>().join(", ");
        form.error("url", "URL_TYPE_INVALID_SCHEME", format!("Scheme must be one of ({list})."));
        return None;
    }
    Some(text)
}

fn media(form: &Form<'_>, name: &str) -> Option<ComponentMedia> {
    let media = form.object(name, |form| {
        let url = form.required("url", url(form, URL_CHARS_MAX, &["http", "https", "attachment"]))?;
        // There is no proxy for what lies elsewhere yet: the address itself stands in its place.
        Some(ComponentMedia { proxy_url: url.clone(), url, ..ComponentMedia::default() })
    });
    form.required(name, media)
}

fn thumbnail(form: &Form<'_>) -> Option<Thumbnail> {
    let description = form.text("description", 0..=ATTACHMENT_DESCRIPTION_CHARS_MAX);
    let spoiler = form.flag("spoiler");
    let media = media(form, "media")?;
    Some(Thumbnail { media, description: description.filter(|text| !text.is_empty()), spoiler })
}

fn file(form: &Form<'_>) -> Option<File> {
    let spoiler = form.flag("spoiler");
    Some(File { file: media(form, "file")?, name: None, size: None, spoiler })
}

fn separator(form: &Form<'_>) -> Separator {
    Separator {
        divider: form.bool("divider").unwrap_or(true),
        spacing: form.choice_u8("spacing", &[1, 2]).unwrap_or(1),
    }
}
