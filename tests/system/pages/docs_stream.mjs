// A streaming operation is shown live and can be stopped.
export default async ({page, url, args, screenshot}) => {
  await page.goto(`${url}/docs#/${args.tool}`);
  await page.waitForSelector('form.try');
  await page.click('#token-button');
  await page.fill('#token', args.token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('form.try');
  for (const [name, value] of Object.entries(args.fields)) await page.fill(`#arg-${name}`, value);
  await page.click('button.run');
  await page.waitForSelector('.status.live');
  await page.evaluate(async ({call, token}) => {
    for (let i = 0; i < 3; i += 1) {
      await fetch(`/${call.tool}`, {method: 'POST', headers: {'content-type': 'application/json', authorization: `Bearer ${token}`}, body: JSON.stringify(call.arguments)});
    }
  }, {call: args.call, token: args.token});
  await page.waitForSelector('.events li');
  await screenshot('live');
  const events = await page.locator('.events li').count();
  await page.click('button.stop');
  await page.waitForSelector('.status.idle');
  return {events, after: await page.textContent('.outcome .status')};
};
