import { failed, finish, start } from './harness.mjs';

await start();
const world = {};
try {
  // SCENARIOS names some of them; later ones need people and places of earlier ones.
  const all = [
    'accounts',
    'chat',
    'presence',
    'direct',
    'communities',
    'keeping',
    'calling',
    'reading',
    'searching',
    'posts',
    'voice',
    'sealing',
    'calls',
    'stages',
    'sounds',
    'bots',
    'moderation',
    'governing',
    'company',
    'furnishing',
    'developing',
    'resume',
    'away',
    'access',
    'everywhere',
    'phone',
    'firefox',
  ];
  const wanted = process.env.SCENARIOS?.split(',') ?? all;
  for (const scenario of all.filter((name) => wanted.includes(name))) {
    const { default: run, FIREFOX } = await import(`./${scenario}.mjs`);
    if (scenario === 'firefox' && !FIREFOX) {
      console.log('left out: there is no Firefox here (apt-get install firefox-esr, or FIREFOX=...)');
      continue;
    }
    await run(world);
  }
} catch (error) {
  await failed('the run broke off', error);
} finally {
  await finish();
}
