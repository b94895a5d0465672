// A developer's round through the page: connect, subscribe, publish, call, cancel, raw, filter, pause, close.
export default async ({page, url, args, screenshot}) => {
  const rows = () => page.$$eval('#log li', (all) => all.map((row) => ({
    way: row.className, kind: row.querySelector('.kind')?.textContent ?? '', where: row.querySelector('.where')?.textContent ?? '',
    took: row.querySelector('.took')?.textContent ?? '', text: row.querySelector('.text').textContent})));
  const row = (way, kind) => page.waitForSelector(`#log li.${way}:has(.kind:text-is("${kind}"))`);
  await page.goto(`${url}/static/websocket_test.html#/ws/connect`);
  await page.waitForSelector('body[data-ready]');
  const before = await page.isDisabled('#subscribe');
  if (args.token) await page.fill('#token', args.token);
  if (args.way) await page.selectOption('#token-way', args.way);
  await page.click('#connect');
  await page.waitForSelector('body[data-state="open"]');
  await row('in', 'connected');

  await page.fill('#channel', args.channel);
  await page.click('#subscribe');
  await row('in', 'subscribed');
  const chips = await page.$$eval('#subscriptions span', (all) => all.map((one) => one.textContent));
  await page.fill('#event', 'greeting');
  await page.fill('#data', '{"text": "hello page"');
  await page.click('#publish');
  const problem = await page.textContent('#publish-problem');
  await page.fill('#data', '{"text": "hello page"}');
  await page.click('#publish');
  await row('in', 'published');
  await row('in', 'greeting');

  await page.fill('#operation', 'echo_say');
  await page.fill('#arguments', '{"text": "called"}');
  await page.click('#call');
  await page.waitForSelector('#log li.in:has-text("called"):has(.kind:text-is("result"))');
  const facts = await page.textContent('#facts');
  await page.fill('#operation', 'echo_count');
  await page.fill('#arguments', '{"count": 100000, "interval_ms": 20}');
  await page.click('#call');
  await row('in', 'stream');
  await page.click('#cancel');
  await page.waitForSelector('#log li.bad:has(.kind:text-is("result"))');
  const cancelled = await page.isDisabled('#cancel');

  await page.fill('#raw', '{"type":"no_such_type"}');
  await page.press('#raw', 'Control+Enter');
  await row('in', 'error');
  await page.click('#measure');
  const all = await rows();
  await screenshot('round');

  await page.fill('#filter', 'greeting -publish');
  const filtered = await rows();
  await page.fill('#filter', '');
  await page.selectOption('#direction', 'event');
  const events = await rows();
  await page.selectOption('#direction', 'all');

  await page.click('#clear');
  await page.click('#pause');
  await page.click('#publish');
  await page.waitForSelector('#pause:has-text("3 new")');  // the request, its reply, the event
  const whilePaused = (await rows()).length;
  await page.click('#pause');
  const afterwards = (await rows()).map((one) => one.kind);
  await page.click('#log li:has(.kind:text-is("greeting")) .line');
  const opened = JSON.parse(await page.textContent('#log li pre'));

  await page.click('#unsubscribe');
  await row('in', 'unsubscribed');
  const chipsLeft = await page.locator('#subscriptions li').count();
  await page.click('#disconnect');
  await page.waitForSelector('body[data-state="closed"]');
  const last = (await rows()).at(-1).text;
  const kept = await page.evaluate(() => document.body.textContent + JSON.stringify(localStorage) + document.cookie);
  return {before, chips, problem, facts, cancelled, all, filtered, events, whilePaused, afterwards, opened, chipsLeft, last,
    leaks: Boolean(args.token) && kept.includes(args.token)};
};
