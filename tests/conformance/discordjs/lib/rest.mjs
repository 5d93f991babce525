// Calls as a person's web client makes them: plain fetch with the bare token.
const base = process.env.API_BASE;

/** Calls a route and returns its JSON; waits out 429s; anything but 2xx throws. */
export async function call(token, method, path, body) {
  for (;;) {
    const answer = await fetch(base + path, {
      method,
      headers: { authorization: token, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const json = text ? JSON.parse(text) : null;
    if (answer.status === 429) {
      await new Promise((resolve) => setTimeout(resolve, json.retry_after * 1000));
      continue;
    }
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status} ${text}`);
    return json;
  }
}

/** The people of this world. */
export const people = {
  owner: { id: process.env.OWNER_ID, token: process.env.OWNER_TOKEN },
  member: { id: process.env.MEMBER_ID, token: process.env.MEMBER_TOKEN },
  outsider: { id: process.env.OUTSIDER_ID, token: process.env.OUTSIDER_TOKEN },
};
