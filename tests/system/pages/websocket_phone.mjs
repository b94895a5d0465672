// A telephone's width, and the dark theme: nothing wider than the screen, with a log that has long messages.
export default async ({page, url, args, screenshot}) => {
  await page.setViewportSize({width: 360, height: 740});
  await page.emulateMedia({colorScheme: 'dark'});
  await page.goto(`${url}/static/websocket_test.html#${args.endpoint}`);
  await page.waitForSelector('body[data-ready]');
  const widths = [await page.evaluate(() => document.documentElement.scrollWidth)];
  await page.click('#connect');
  await page.waitForSelector('body[data-state="open"]');
  await page.fill('#raw', JSON.stringify({type: 'call', operation: 'echo_say', arguments: {text: 'long'.repeat(500)}, id: 'mine'}));
  await page.click('#send');
  await page.waitForSelector('#log li.in:has-text("longlong")');
  await page.click('#log li.in:has-text("longlong") .line');
  widths.push(await page.evaluate(() => document.documentElement.scrollWidth));
  await screenshot('phone');
  return {widths, theme: await page.evaluate(() => document.documentElement.dataset.theme),
    background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor)};
};
