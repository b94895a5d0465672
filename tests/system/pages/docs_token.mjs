// An operation that needs a token says so; with the token it answers; the token stays in this tab.
export default async ({page, url, args, screenshot}) => {
  await page.goto(`${url}/docs#/${args.tool}`);
  await page.waitForSelector('form.try');
  await page.click('button.run');
  await page.waitForSelector('.outcome .status.bad');
  const refused = await page.textContent('.outcome .status');
  await page.waitForSelector('#token-panel:not([hidden])');
  await screenshot('asked');
  await page.fill('#token', args.token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#token-button.held');
  await page.waitForSelector('form.try');
  await page.click('button.run');
  await page.waitForSelector('.outcome .status.good');
  const shown = await page.content();
  await page.reload();
  await page.waitForSelector('#token-button.held');
  const kept = await page.evaluate(() => ({local: JSON.stringify(localStorage), cookies: document.cookie}));
  return {refused, leaks: shown.includes(args.token) || kept.local.includes(args.token) || kept.cookies !== ''};
};
