// Runs one page test in a headless Chromium: node browser.mjs SCRIPT.mjs URL ARGUMENTS_AS_JSON SCREENSHOT_FOLDER
//
// SCRIPT.mjs: export default async ({page, context, url, args, screenshot, problems}) => result
//   page          a Playwright page, nothing loaded yet; every wait is limited to 15 s
//   screenshot    await screenshot("name") writes <folder>/name.png
//   problems      what the page reported so far: errors, failed requests, answers of 500 and more
// The last line on standard output is {"result": ..., "problems": [...]}. A script that throws leaves a screenshot
// failed.png and exit code 1. support/browser.py drives this.
import {createRequire} from 'node:module';
import {existsSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const [script, url, args, folder] = process.argv.slice(2);
const require = createRequire(path.join(process.env.PATCHBAY_NODE_MODULES, 'package.json'));
process.env.PLAYWRIGHT_BROWSERS_PATH ??= path.join(process.env.PATCHBAY_NODE_MODULES, 'browsers');
const {chromium} = require('playwright-core');

const system = '/usr/bin/chromium';
const browser = await chromium.launch({
  executablePath: existsSync(system) ? system : undefined,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const problems = [];
const context = await browser.newContext({viewport: {width: 1280, height: 900}});
context.setDefaultTimeout(15000);
const page = await context.newPage();
page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
page.on('console', (message) => message.type() === 'error' && problems.push(`console: ${message.text()}`));
page.on('requestfailed', (request) => request.failure()?.errorText !== 'net::ERR_ABORTED' &&  // given up by the page itself
  problems.push(`request failed: ${request.url()} ${request.failure()?.errorText ?? ''}`));
page.on('response', (response) => response.status() >= 500 && problems.push(`${response.status()}: ${response.url()}`));
const screenshot = (name) => page.screenshot({path: path.join(folder, `${name}.png`)});

let code = 0;
try {
  const run = (await import(pathToFileURL(path.resolve(script)).href)).default;
  const result = await run({page, context, url, args: JSON.parse(args), screenshot, problems});
  console.log(JSON.stringify({result: result ?? null, problems}));
} catch (error) {
  code = 1;
  await screenshot('failed').catch(() => {});
  console.error(`${error.stack ?? error}\nThe page reported: ${JSON.stringify(problems)}\nScreenshots: ${folder}`);
}
await browser.close();
process.exit(code);
