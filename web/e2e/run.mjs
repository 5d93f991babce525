import { finish, start } from './harness.mjs';

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
    'posts',
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
  ];
  const wanted = process.env.SCENARIOS?.split(',') ?? all;
  for (const scenario of all.filter((name) => wanted.includes(name))) {
    const { default: run } = await import(`./${scenario}.mjs`);
    await run(world);
  }
} catch (error) {
  console.log(`FAIL the run broke off: ${error?.stack ?? error}`);
  process.exitCode = 1;
} finally {
  await finish();
}
