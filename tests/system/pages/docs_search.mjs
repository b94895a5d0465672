// Search narrows the list; the keyboard alone gets to an operation.
export default async ({page, url, args, screenshot}) => {
  await page.goto(`${url}/docs`);
  await page.waitForSelector('body[data-ready]');
  await screenshot('all');
  const all = await page.locator('#list a').count();
  const groups = await page.locator('#list summary span:first-child').allTextContents();
  await page.keyboard.press('/');
  await page.keyboard.type(args.word);
  const found = await page.locator('#list a .name').allTextContents();
  await screenshot('found');
  await page.keyboard.press('ArrowDown');
  const focused = await page.evaluate(() => document.activeElement.hash);
  await page.keyboard.press('Enter');
  await page.waitForSelector('form.try');
  const title = await page.textContent('h1');
  await page.fill('#search', 'no such operation at all');
  const none = await page.textContent('#list');
  return {all, groups, found, focused, title, none};
};
