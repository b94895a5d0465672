// What a React application's hook does with the channel dialect, in the page itself.
export default async ({page, url}) => {
  await page.goto(`${url}/docs`);
  return page.evaluate(async (target) => {
    const socket = new WebSocket(target);
    const messages = [];
    let pings = 0;
    let wake = () => {};
    const closed = new Promise((resolve) => (socket.onclose = resolve));
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (message.type === 'ping') {
        pings += 1;
        socket.send(JSON.stringify({type: 'pong'}));
      } else {
        messages.push(message);
      }
      wake();
    };
    const until = async (done) => {
      while (!done()) await new Promise((resolve) => (wake = resolve));
    };
    const have = (type, count = 1) => until(() => messages.filter((message) => message.type === type).length >= count);
    const publish = () => socket.send(JSON.stringify({type: 'publish', channel: 'missions', event: 'mission_created',
      data: {mission_id: '7', mission_data: {title: 'Grüße 👋'}}}));
    await have('connected');
    socket.send(JSON.stringify({type: 'subscribe', channel: 'missions'}));
    await have('subscribed');
    publish();
    await have('mission_created');
    await have('published');
    await until(() => pings >= 3);
    socket.send(JSON.stringify({type: 'unsubscribe', channel: 'missions'}));
    await have('unsubscribed');
    publish();
    await have('published', 2);
    socket.close(1000);
    const end = await closed;
    // The answer to a publication and its event may come in either order.
    const at = messages.findIndex((message) => message.type === 'mission_created');
    if (at === 2) [messages[2], messages[3]] = [messages[3], messages[2]];
    return {messages, pings, code: end.code, clean: end.wasClean};
  }, `${url.replace('http', 'ws')}/ws/connect`);
};
