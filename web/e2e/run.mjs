import { finish, start } from './harness.mjs';

await start();
const world = {};
try {
  for (const scenario of ['accounts', 'chat', 'presence', 'direct', 'communities', 'resume', 'access']) {
    const { default: run } = await import(`./${scenario}.mjs`);
    await run(world);
  }
} catch (error) {
  console.log(`FAIL the run broke off: ${error?.stack ?? error}`);
  process.exitCode = 1;
} finally {
  await finish();
}
