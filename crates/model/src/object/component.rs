//! Components of messages and forms (Component Reference).
//!
//! A [`Component`] is the same thing in a row, in an answer and in a gateway body: every field is typed, so that nothing of
//! what a client sent reaches another unread. [`crate::request`] makes them of requests, with the documented bounds.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::is_false;
use crate::id::Id;
use crate::{AttachmentId, EmojiId};

/// A component of any kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Number of the component, different for each one of a message; 0 until it has one.
    pub id: u32,
    /// What it is.
    pub body: Body,
}

/// The kinds of components with their fields. What is optional in the documented schemas is left out when empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// 1: buttons, or one select, or the text input of a form.
    Row(Row),
    /// 2.
    Button(Button),
    /// 3: a select whose options are given.
    StringSelect(Select),
    /// 4: text of a form.
    TextInput(TextInput),
    /// 5.
    UserSelect(Select),
    /// 6.
    RoleSelect(Select),
    /// 7: users and roles.
    MentionableSelect(Select),
    /// 8.
    ChannelSelect(Select),
    /// 9: texts with something beside them.
    Section(Section),
    /// 10.
    TextDisplay(TextDisplay),
    /// 11: a small picture beside a section.
    Thumbnail(Thumbnail),
    /// 12.
    Gallery(Gallery),
    /// 13: an uploaded file.
    File(File),
    /// 14.
    Separator(Separator),
    /// 17: a frame around others.
    Container(Container),
    /// 18: text above a component of a form.
    Label(Label),
    /// 19: files of a form.
    FileUpload(FileUpload),
    /// 21: one of several options of a form.
    RadioGroup(Choices),
    /// 22: some of several options of a form.
    CheckboxGroup(Choices),
    /// 23: yes or no in a form.
    Checkbox(Checkbox),
}

/// Fields of an action row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What is in it.
    pub components: Vec<Component>,
}

/// Fields of a button.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Button {
    /// 1 to 4 colours, 5 a link, 6 a purchase.
    pub style: u8,
    /// Up to 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Before the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<ComponentEmoji>,
    /// What the application knows it by; styles 1 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// Where it leads; style 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is bought; style 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku_id: Option<Id<()>>,
    /// Cannot be pressed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

/// An emoji of a button or option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentEmoji {
    /// Absent for a character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EmojiId>,
    /// The name, or the character itself.
    pub name: String,
    /// Whether it moves.
    #[serde(default, skip_serializing_if = "is_false")]
    pub animated: bool,
}

/// Fields of the selects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Select {
    /// What the application knows it by.
    pub custom_id: String,
    /// Shown when nothing is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Fewest to choose, 0 to 25.
    #[serde(default = "one")]
    pub min_values: u8,
    /// Most to choose, 1 to 25.
    #[serde(default = "one")]
    pub max_values: u8,
    /// Cannot be used.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Forms: whether something must be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// String selects: what is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<SelectOption>>,
    /// Other selects: what is chosen at first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_values: Vec<DefaultValue>,
    /// Channel selects: types that are offered; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel_types: Vec<u8>,
}

const fn one() -> u8 {
    1
}

const fn yes() -> bool {
    true
}

/// What a string select, radio group or checkbox group offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectOption {
    /// Shown.
    pub label: String,
    /// Sent.
    pub value: String,
    /// Below the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Before the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<ComponentEmoji>,
    /// Chosen at first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub default: bool,
}

/// What a select has chosen at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultValue {
    /// User, role or channel.
    pub id: Id<()>,
    /// Which of them.
    #[serde(rename = "type")]
    pub kind: DefaultValueKind,
}

/// What the id of a [`DefaultValue`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultValueKind {
    /// A user.
    User,
    /// A role.
    Role,
    /// A channel.
    Channel,
}

/// Fields of a text input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextInput {
    /// What the application knows it by.
    pub custom_id: String,
    /// 1 a line, 2 a paragraph.
    pub style: u8,
    /// Null within a label.
    pub label: Option<String>,
    /// Filled in at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Shown while it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether it must be filled in.
    #[serde(default = "yes")]
    pub required: bool,
    /// Fewest characters, 0 to 4000.
    pub min_length: Option<u16>,
    /// Most characters, 1 to 4000.
    pub max_length: Option<u16>,
}

/// Fields of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its texts.
    pub components: Vec<Component>,
    /// A button or thumbnail.
    pub accessory: Box<Component>,
}

/// Fields of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextDisplay {
    /// Markdown.
    pub content: String,
}

/// A picture, film or file of a component.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ComponentMedia {
    /// Its own id; absent for what lies elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<()>>,
    /// Where it is.
    pub url: String,
    /// The same through the proxy.
    #[serde(default)]
    pub proxy_url: String,
    /// Pixels.
    #[serde(default)]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default)]
    pub height: Option<u32>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The message's file, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<AttachmentId>,
}

/// Fields of a thumbnail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// The picture.
    pub media: ComponentMedia,
    /// Alternative text.
    #[serde(default)]
    pub description: Option<String>,
    /// Hidden until clicked.
    #[serde(default)]
    pub spoiler: bool,
}

/// Fields of a gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gallery {
    /// 1 to 10. An item has the fields of a thumbnail.
    pub items: Vec<Thumbnail>,
}

/// Fields of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// The file.
    pub file: ComponentMedia,
    /// Its name, when it is a file of the message.
    #[serde(default)]
    pub name: Option<String>,
    /// Its bytes, when it is a file of the message.
    #[serde(default)]
    pub size: Option<u64>,
    /// Hidden until clicked.
    #[serde(default)]
    pub spoiler: bool,
}

/// Fields of a separator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Separator {
    /// Whether there is a line.
    #[serde(default = "yes")]
    pub divider: bool,
    /// 1 small, 2 large.
    #[serde(default = "one")]
    pub spacing: u8,
}

/// Fields of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// What is in it.
    pub components: Vec<Component>,
    /// 0xRRGGBB.
    #[serde(default)]
    pub accent_color: Option<u32>,
    /// Hidden until clicked.
    #[serde(default)]
    pub spoiler: bool,
}

/// Fields of a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// 1 to 45 characters.
    pub label: String,
    /// Up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it names.
    pub component: Box<Component>,
}

/// Fields of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileUpload {
    /// What the application knows it by.
    pub custom_id: String,
    /// Fewest files, 0 to 10.
    #[serde(default = "one")]
    pub min_values: u8,
    /// Most files, 1 to 10.
    #[serde(default = "one")]
    pub max_values: u8,
    /// Whether there must be one.
    #[serde(default = "yes")]
    pub required: bool,
}

/// Fields of radio and checkbox groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// What the application knows it by.
    pub custom_id: String,
    /// What is offered, up to 10.
    pub options: Vec<SelectOption>,
    /// Checkbox groups: fewest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_values: Option<u8>,
    /// Checkbox groups: most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_values: Option<u8>,
    /// Whether something must be chosen.
    #[serde(default = "yes")]
    pub required: bool,
}

/// Fields of a checkbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkbox {
    /// What the application knows it by.
    pub custom_id: String,
    /// Whether it is checked at first.
    #[serde(default)]
    pub default: bool,
}

impl Body {
    /// The number that stands for the kind.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Row(_) => 1,
            Self::Button(_) => 2,
            Self::StringSelect(_) => 3,
            Self::TextInput(_) => 4,
            Self::UserSelect(_) => 5,
            Self::RoleSelect(_) => 6,
            Self::MentionableSelect(_) => 7,
            Self::ChannelSelect(_) => 8,
            Self::Section(_) => 9,
            Self::TextDisplay(_) => 10,
            Self::Thumbnail(_) => 11,
            Self::Gallery(_) => 12,
            Self::File(_) => 13,
            Self::Separator(_) => 14,
            Self::Container(_) => 17,
            Self::Label(_) => 18,
            Self::FileUpload(_) => 19,
            Self::RadioGroup(_) => 21,
            Self::CheckboxGroup(_) => 22,
            Self::Checkbox(_) => 23,
        }
    }

    fn of_kind(kind: u64, fields: Value) -> Result<Self, serde_json::Error> {
        fn fields_of<T: DeserializeOwned>(fields: Value) -> Result<T, serde_json::Error> {
            serde_json::from_value(fields)
        }
        Ok(match kind {
            1 => Self::Row(fields_of(fields)?),
            2 => Self::Button(fields_of(fields)?),
            3 => Self::StringSelect(fields_of(fields)?),
            4 => Self::TextInput(fields_of(fields)?),
            5 => Self::UserSelect(fields_of(fields)?),
            6 => Self::RoleSelect(fields_of(fields)?),
            7 => Self::MentionableSelect(fields_of(fields)?),
            8 => Self::ChannelSelect(fields_of(fields)?),
            9 => Self::Section(fields_of(fields)?),
            10 => Self::TextDisplay(fields_of(fields)?),
            11 => Self::Thumbnail(fields_of(fields)?),
            12 => Self::Gallery(fields_of(fields)?),
            13 => Self::File(fields_of(fields)?),
            14 => Self::Separator(fields_of(fields)?),
            17 => Self::Container(fields_of(fields)?),
            18 => Self::Label(fields_of(fields)?),
            19 => Self::FileUpload(fields_of(fields)?),
            21 => Self::RadioGroup(fields_of(fields)?),
            22 => Self::CheckboxGroup(fields_of(fields)?),
            23 => Self::Checkbox(fields_of(fields)?),
            other => return Err(serde_json::Error::custom(format!("no component has type {other}"))),
        })
    }
}

impl Component {
    /// A component without a number.
    pub const fn new(body: Body) -> Self {
        Self { id: 0, body }
    }

    /// The components directly within this one, in the order they are shown.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (list, single): (&[Self], Option<&Self>) = match &self.body {
            Body::Row(row) => (&row.components, None),
            Body::Container(container) => (&container.components, None),
            Body::Section(section) => (&section.components, Some(&section.accessory)),
            Body::Label(label) => (&[], Some(&label.component)),
            _ => (&[], None),
        };
        list.iter().chain(single)
    }

    /// As [`Component::children`], to be changed.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        let (list, single): (&mut [Self], Option<&mut Self>) = match &mut self.body {
            Body::Row(row) => (&mut row.components, None),
            Body::Container(container) => (&mut container.components, None),
            Body::Section(section) => (&mut section.components, Some(&mut section.accessory)),
            Body::Label(label) => (&mut [], Some(&mut label.component)),
            _ => (&mut [], None),
        };
        list.iter_mut().chain(single)
    }

    /// Calls `visit` for this component and all within it, outer ones first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        self.children().for_each(|child| child.walk(visit));
    }

    /// As [`Component::walk`], to be changed.
    pub fn walk_mut(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        visit(self);
        self.children_mut().for_each(|child| child.walk_mut(visit));
    }

    /// Pictures, films and files that this component itself shows.
    pub fn media(&self) -> impl Iterator<Item = &ComponentMedia> {
        let (items, single): (&[Thumbnail], Option<&ComponentMedia>) = match &self.body {
            Body::Thumbnail(thumbnail) => (std::slice::from_ref(thumbnail), None),
            Body::Gallery(gallery) => (&gallery.items, None),
            Body::File(file) => (&[], Some(&file.file)),
            _ => (&[], None),
        };
        items.iter().map(|item| &item.media).chain(single)
    }

    /// As [`Component::media`], to be changed.
    pub fn media_mut(&mut self) -> impl Iterator<Item = &mut ComponentMedia> {
        let (items, single): (&mut [Thumbnail], Option<&mut ComponentMedia>) = match &mut self.body {
            Body::Thumbnail(thumbnail) => (std::slice::from_mut(thumbnail), None),
            Body::Gallery(gallery) => (&mut gallery.items, None),
            Body::File(file) => (&mut [], Some(&mut file.file)),
            _ => (&mut [], None),
        };
        items.iter_mut().map(|item| &mut item.media).chain(single)
    }

    /// What the application knows it by, for those that people use.
    pub fn custom_id(&self) -> Option<&str> {
        match &self.body {
            Body::Button(button) => button.custom_id.as_deref(),
            Body::StringSelect(select)
            | Body::UserSelect(select)
            | Body::RoleSelect(select)
            | Body::MentionableSelect(select)
            | Body::ChannelSelect(select) => Some(&select.custom_id),
            Body::TextInput(input) => Some(&input.custom_id),
            Body::FileUpload(upload) => Some(&upload.custom_id),
            Body::RadioGroup(group) | Body::CheckboxGroup(group) => Some(&group.custom_id),
            Body::Checkbox(checkbox) => Some(&checkbox.custom_id),
            _ => None,
        }
    }

    /// Whether using it, or something in it, needs an application: all but text, media, layout and links (Component
    /// Reference, "Interactive").
    pub fn is_interactive(&self) -> bool {
        let purchase = matches!(&self.body, Body::Button(button) if button.sku_id.is_some());
        self.custom_id().is_some() || purchase || self.children().any(Self::is_interactive)
    }
}

/// Gives those without a number (0 counts as none) the lowest free ones: a component before what is in it, in the order they
/// are shown.
pub fn number_components(components: &mut [Component]) {
    let mut taken = crate::LookupSet::default();
    for component in components.iter() {
        component.walk(&mut |component| {
            taken.insert(component.id);
        });
    }
    let mut next = 1;
    for component in components {
        component.walk_mut(&mut |component| {
            if component.id == 0 {
                while taken.contains(&next) {
                    next += 1;
                }
                component.id = next;
                next += 1;
            }
        });
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(rename = "type")]
            kind: u8,
            id: u32,
            #[serde(flatten)]
            body: &'a Body,
        }
        Shown { kind: self.body.kind(), id: self.id, body: &self.body }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Kept {
            #[serde(rename = "type")]
            kind: u64,
            #[serde(default)]
            id: u32,
            #[serde(flatten)]
            fields: serde_json::Map<String, Value>,
        }
        let Kept { kind, id, fields } = Kept::deserialize(deserializer)?;
        let body = Body::of_kind(kind, Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { id, body })
    }
}

/// Reads the components of a row. Earlier versions kept what clients sent: whatever of it is no component is left out.
pub(super) fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Component>, D::Error> {
    let kept = Vec::<Value>::deserialize(deserializer)?;
    Ok(kept.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_component_in_an_old_row_is_left_out() {
        #[derive(Deserialize)]
        struct Old {
            #[serde(deserialize_with = "readable")]
            components: Vec<Component>,
        }
        let old = json!({"components": [
            {"type": 1, "id": 1, "components": [{"type": 3, "custom_id": "s", "options": [1, 2]}]},
            {"type": 17, "components": null}, {"type": 99}, 5, null,
            {"type": 1, "id": 2, "components": [{"type": 2, "id": 3, "style": 5, "url": "https://a.example", "x": 1}]},
        ]});
        let kept = serde_json::from_value::<Old>(old).unwrap().components;
        assert_eq!(
            serde_json::to_value(kept).unwrap(),
            json!([{"type": 1, "id": 2, "components": [
                {"type": 2, "id": 3, "style": 5, "url": "https://a.example"}]}])
        );
    }

    #[test]
    fn numbers_go_to_what_holds_before_what_is_held() {
        let text = |id, content: &str| Component {
            id,
            body: Body::TextDisplay(TextDisplay { content: content.to_owned() }),
        };
        let section =
            Section { components: vec![text(0, "a"), text(2, "b")], accessory: Box::new(text(0, "c")) };
        let mut list = [Component::new(Body::Section(section)), text(0, "d")];
        number_components(&mut list);
        let mut ids = Vec::new();
        list.iter().for_each(|component| component.walk(&mut |component| ids.push(component.id)));
        assert_eq!(ids, [1, 3, 2, 4, 5]);
    }
}
