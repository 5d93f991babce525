/** What only those need who are in a call. */
export { VoiceLink } from './link';
export { Microphone, refusal } from './microphone';
export { Sealing } from './dave/sealing';
