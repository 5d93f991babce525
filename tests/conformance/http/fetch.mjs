// Calls everything that is given on standard input, so many times, and counts the statuses and errors.
import { readFileSync } from 'node:fs';

const calls = JSON.parse(readFileSync(0, 'utf8'));
const counted = {};
for (let round = 0; round < Number(process.argv[2]); round += 1) {
  await Promise.all(
    calls.map(async ([method, url, authorization, body]) => {
      const headers = { authorization, 'content-type': 'application/json' };
      let outcome;
      try {
        const answer = await fetch(url, { method, headers, body });
        await answer.arrayBuffer();
        outcome = answer.status;
      } catch (error) {
        outcome = error.cause?.code ?? String(error);
      }
      counted[outcome] = (counted[outcome] ?? 0) + 1;
    }),
  );
}
console.log(JSON.stringify(counted));
