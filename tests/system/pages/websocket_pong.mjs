// With pongs switched off the server gives the connection up; with them it stays.
export default async ({page, url}) => {
  await page.goto(`${url}/static/websocket_test.html#/ws/connect`);
  await page.waitForSelector('body[data-ready]');
  await page.click('#connect');
  await page.waitForSelector('#log li.in:has(.kind:text-is("ping"))');
  await page.waitForSelector('#log li.out:has(.kind:text-is("pong"))');
  await page.uncheck('#heartbeats');
  const hidden = await page.locator('#log li:has(.kind:text-is("ping"))').count();
  await page.uncheck('#pong');
  await page.waitForSelector('body[data-state="closed"]');
  return {hidden, last: await page.textContent('#log li:last-child .text')};
};
