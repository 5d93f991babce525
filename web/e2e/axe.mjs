/** What axe finds wrong for people who use other means than a mouse and a pair of good eyes. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Runs axe on a part of the page, in both themes, and gives what it found, a line per rule. */
export async function violations(page, part = 'html') {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  return page.evaluate(async (part) => {
    const root = document.documentElement;
    const before = root.dataset.theme;
    const out = [];
    for (const theme of ['light', 'dark']) {
      root.dataset.theme = theme;
      // Colours move to their new places in a frame or two.
      for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
      // What lies on top is the last of its kind.
      const context = [...document.querySelectorAll(part)].at(-1) ?? document;
      const { violations } = await window.axe.run(context, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
        resultTypes: ['violations'],
      });
      for (const { id, nodes } of violations) {
        const where = nodes
          .slice(0, 3)
          .map((n) => `${n.target.join(' ')} (${n.any[0]?.message ?? n.failureSummary ?? ''})`);
        out.push(`${theme} ${id}: ${where.join(' | ')}`);
      }
    }
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    return out;
  }, part);
}
