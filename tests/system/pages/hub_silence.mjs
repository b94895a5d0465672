// A page that answers no ping; the browser answers protocol pings by itself, so only those of the dialect count.
export default async ({page, url}) => {
  await page.goto(`${url}/docs`);
  return page.evaluate(async (target) => {
    const socket = new WebSocket(target);
    let pings = 0;
    socket.onmessage = ({data}) => {
      if (JSON.parse(data).type === 'ping') pings += 1;
    };
    const end = await new Promise((resolve) => (socket.onclose = resolve));
    return {pings, code: end.code};
  }, `${url.replace('http', 'ws')}/ws/connect`);
};
