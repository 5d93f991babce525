//! The files of a guild: they are claimed with what shows them and released with its end.

use consort_actor::Cx;
use consort_files::{Kind, name, orphans};
use consort_model::{ChannelId, Guild as Object, Member, UserId, Webhook};

use super::Guild;

impl Guild {
    /// The files of all messages of a channel or thread belong to nothing any more: one row, however many there are.
    pub(crate) fn release_channel_files(&self, cx: &mut Cx<'_>, channel: ChannelId) {
        let now_ms = cx.now_ms;
        orphans::release(&mut cx.batch, &name::attachments_of(channel.get()), now_ms);
    }

    /// The guild shows other images than before.
    pub(crate) fn replace_guild_images(&self, cx: &mut Cx<'_>, old: &Object, new: &Object) {
        let images = [
            (Kind::Icon, &old.icon, &new.icon),
            (Kind::Splash, &old.splash, &new.splash),
            (Kind::DiscoverySplash, &old.discovery_splash, &new.discovery_splash),
            (Kind::Banner, &old.banner, &new.banner),
        ];
        for (kind, old, new) in images {
            self.replace_image(cx, (kind, self.id.get()), old.as_deref(), new.as_deref());
        }
    }

    /// An image takes the place of another, or of none.
    pub(crate) fn replace_image(
        &self,
        cx: &mut Cx<'_>,
        of: (Kind, u64),
        old: Option<&str>,
        new: Option<&str>,
    ) {
        let now_ms = cx.now_ms;
        orphans::replace_image(&mut cx.batch, now_ms, of, old, new);
    }

    /// A member shows other images than before, or is gone.
    pub(crate) fn replace_member_images(
        &self,
        cx: &mut Cx<'_>,
        user: UserId,
        old: &Member,
        new: Option<&Member>,
    ) {
        let guild = self.id.get();
        let avatar = new.and_then(|member| member.avatar.as_deref());
        let banner = new.and_then(|member| member.banner.as_deref());
        for (kind, old, new) in [
            (Kind::MemberAvatar { guild }, &old.avatar, avatar),
            (Kind::MemberBanner { guild }, &old.banner, banner),
        ] {
            self.replace_image(cx, (kind, user.get()), old.as_deref(), new);
        }
    }

    /// A webhook is there, or gone, or shows another avatar.
    pub(crate) fn replace_webhook_avatar(
        &self,
        cx: &mut Cx<'_>,
        old: Option<&Webhook>,
        new: Option<&Webhook>,
    ) {
        let Some(id) = old.or(new).map(|webhook| webhook.id.get()) else { return };
        let avatar = |webhook: Option<&'_ Webhook>| webhook.and_then(|webhook| webhook.avatar.clone());
        let (old, new) = (avatar(old), avatar(new));
        self.replace_image(cx, (Kind::Avatar, id), old.as_deref(), new.as_deref());
    }

    /// The guild ends: all that shows it belongs to nothing any more. Its channels are released one by one.
    pub(crate) fn release_guild_files(&self, cx: &mut Cx<'_>) {
        let nothing =
            Object { icon: None, splash: None, discovery_splash: None, banner: None, ..(*self.info).clone() };
        self.replace_guild_images(cx, &self.info, &nothing);
        for role in self.roles.values() {
            self.replace_image(cx, (Kind::RoleIcon, role.id.get()), role.icon.as_deref(), None);
        }
        for webhook in self.webhooks.values() {
            self.replace_webhook_avatar(cx, Some(webhook), None);
        }
        let now_ms = cx.now_ms;
        let emojis = self.emojis.keys().map(|id| name::emoji(id.get()));
        let stickers = self.stickers.keys().map(|id| name::sticker(id.get()));
        let sounds = self.sounds.keys().map(|id| name::sound(id.get()));
        for name in emojis.chain(stickers).chain(sounds).chain([name::members_of(self.id.get())]) {
            orphans::release(&mut cx.batch, &name, now_ms);
        }
    }
}
