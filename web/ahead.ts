import type { Plugin } from 'vite';

/** The part that draws the page of whoever is logged in. */
const PART = 'Shell';

/** Names what draws the page in its head, for `public/early.js` to fetch while what connects is on its way. */
export function ahead(): Plugin {
  return {
    name: 'ahead',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const chunks = Object.values(bundle ?? {}).filter((file) => file.type === 'chunk');
        const part = chunks.find((chunk) => chunk.name === PART && chunk.isDynamicEntry);
        if (!part) throw new Error(`there is no part of the name ${PART}`);
        const needed = [part, ...chunks.filter((chunk) => part.imports.includes(chunk.fileName))];
        const styles = new Set(needed.flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]));
        const files = [...needed.map((chunk) => chunk.fileName), ...styles].filter((file) => !html.includes(file));
        const content = files.map((file) => `/${file}`).join(' ');
        return [{ tag: 'meta', injectTo: 'head' as const, attrs: { name: 'ahead', content } }];
      },
    },
  };
}
