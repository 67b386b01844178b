// Debian's Chromium, and axe-core as the judge of accessibility.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { isRoot } from './place.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

export const launch = () => chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
        ...(isRoot ? ['--no-sandbox'] : []),
        '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update',
        '--disable-sync',
    ],
});

// No rule of axe-core broken, in light and in dark.  It is given to the page
// past its own policy, which allows no script.
export async function isAccessible(page) {
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(axe);
        const { violations, passes } = await page.evaluate('axe.run()');
        assert.ok(passes.length > 5, 'axe-core has looked');
        assert.deepEqual(violations.map(({ id, nodes }) =>
            `${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
    }
}

// No larger than the screen of a telephone.
export async function fitsNarrow(page) {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 640 });
    const width = await page.evaluate('document.documentElement.scrollWidth');
    assert.ok(width <= 320, `${width} pixels wide`);
    await page.setViewportSize(size);
}
