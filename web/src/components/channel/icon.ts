import { bits, has, isThread, Permission } from '../../lib/permissions';
import { ChannelType, type Channel } from '../../lib/types';
import type { IconName } from '../ui/icons';

/** The sign of a channel: what kind it is, or that not everyone may see it. */
export function channelIcon(channel: Channel, guildId?: string): IconName {
  if (isThread(channel)) return 'thread';
  if (channel.type === ChannelType.category) return 'list';
  if (channel.type === ChannelType.voice) return 'speaker';
  if (channel.type === ChannelType.stage) return 'mic';
  if (channel.type === ChannelType.forum) return 'forum';
  if (channel.type === ChannelType.media) return 'image';
  if (channel.type === ChannelType.announcement) return 'megaphone';
  const everyone = channel.permission_overwrites?.find((o) => o.id === guildId);
  return everyone && has(bits(everyone.deny), Permission.VIEW_CHANNEL) ? 'lock' : 'hash';
}
