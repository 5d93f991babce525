/** Loudness as people hear it: 0 at -60 dB, 1 at full scale. */
export const loudness = (level: number): number =>
  level > 0 ? Math.min(1, Math.max(0, 1 + (20 * Math.log10(level)) / 60)) : 0;
/** The other way round. */
export const levelOf = (loudness: number): number => 10 ** (((loudness - 1) * 60) / 20);
