declare module 'virtual:emoji-data' {
  /** Character, group, label, shortcodes, tags, 1 if it comes in skin tones. */
  const rows: [string, number, string, string, string, number][];
  export default rows;
}
