// A telephone's width, and the dark theme: nothing wider than the screen.
export default async ({page, url, args, screenshot}) => {
  await page.setViewportSize({width: 360, height: 740});
  await page.emulateMedia({colorScheme: 'dark'});
  const widths = [];
  for (const where of ['', ...args.tools.map((tool) => `#/${tool}`)]) {
    await page.goto(`${url}/docs${where}`);
    await page.waitForSelector('body[data-ready]');
    widths.push(await page.evaluate(() => document.documentElement.scrollWidth));
    await screenshot(`phone${widths.length}`);
  }
  return {widths, theme: await page.evaluate(() => document.documentElement.dataset.theme)};
};
