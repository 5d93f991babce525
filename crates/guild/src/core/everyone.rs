//! Messages to everybody where there are more members than are told one by one; see [`consort_rpc::guild::everyone`].

use consort_actor::Cx;
use consort_model::{ChannelId, Message};
use consort_rpc::guild::everyone;
use consort_store::{Key, Table};

use super::Guild;

impl Guild {
    /// Keeps a message for those who count when they come.
    pub(super) fn keep_for_everyone(&mut self, cx: &mut Cx<'_>, message: &Message) {
        // In a thread only those in it are meant, and each of them follows it.
        if self.threads.contains_key(&message.channel_id) {
            return;
        }
        let row = self.everyone.entry(message.channel_id).or_default();
        row.add(message.id, message.author.id);
        let key = Key::bytes(&everyone::key(message.channel_id));
        cx.put(Table::GuildMisc, self.id.get(), key, row);
    }

    /// The channel is deleted.
    pub(super) fn forget_everyone(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        if self.everyone.remove(&channel).is_some() {
            cx.delete(Table::GuildMisc, self.id.get(), Key::bytes(&everyone::key(channel)));
        }
    }
}
