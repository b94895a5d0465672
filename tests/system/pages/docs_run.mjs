// Runs a call from the page: its reply, an error at its field, the command that does the same, the JSON editor.
export default async ({page, url, args, screenshot}) => {
  await page.goto(`${url}/docs#/${args.tool}`);
  await page.waitForSelector('form.try');
  for (const [name, value] of Object.entries(args.fields)) await page.fill(`#arg-${name}`, value);
  await page.click('button.run');
  await page.waitForSelector('.outcome .status.good');
  await screenshot('reply');
  const reply = JSON.parse(await page.textContent('.result .json'));
  const status = await page.textContent('.outcome .status');
  await page.click('details.curl summary');
  const command = await page.textContent('details.curl pre');
  await page.click('text=Edit as JSON');
  const asJson = JSON.parse(await page.inputValue('textarea.editor'));
  await page.fill('textarea.editor', '{"unknown_argument": 1}');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('.outcome .status.bad');
  const refused = await page.textContent('.result .error');
  await screenshot('refused');
  const schema = await page.locator('table.schema').first().textContent();
  return {reply, status, command, asJson, refused, schema};
};
