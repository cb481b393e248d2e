// What the tests ask of a page: a figure's data, its pixels, and how long a redraw takes.
window.eyes = {
  // Name, type, colour and data of every visible trace of a plotly figure.
  traces: figure => figure._fullData.filter(trace => trace.visible === true).map(trace => ({
    name: trace.name,
    type: trace.type,
    shown: trace.showlegend && figure._fullLayout.showlegend !== false, // in the legend
    colour: eyes.colour(trace),
    x: eyes.list(trace.x),
    y: eyes.list(trace.y),
    z: eyes.list(trace.z).map(row => (row?.length === undefined ? row : eyes.list(row))),
  })),

  list: column => Array.from(column ?? []),

  // The one colour of a line, or of markers; null where there is none or more than one.
  colour: trace => {
    const colour = trace.mode?.includes('lines') ? trace.line.color : trace.marker?.color;
    return typeof colour === 'string' ? colour : null;
  },

  // From now on, note when a key, a click or a choice arrives, and when other data are on the screen.
  timeRedraw: figure => {
    const acts = ['keydown', 'pointerdown', 'input'];
    const before = JSON.stringify(eyes.traces(figure));
    const redraw = (eyes.redraw = { asked: null, drawn: null });
    const ask = () => { redraw.asked ??= performance.now(); };
    const draw = () => {
      if (JSON.stringify(eyes.traces(figure)) === before) return;
      figure.removeListener('plotly_afterplot', draw);
      for (const act of acts) window.removeEventListener(act, ask, { capture: true });
      requestAnimationFrame(() => { redraw.drawn = performance.now(); });
    };
    figure.on('plotly_afterplot', draw);
    for (const act of acts) window.addEventListener(act, ask, { capture: true });
  },

  // The pixels of a PNG, given in base64.
  pixels: async png => {
    // No address is asked for, not even a data: one, which a page's policy may forbid.
    const bytes = Uint8Array.from(atob(png), letter => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const sheet = new OffscreenCanvas(image.width, image.height).getContext('2d');
    sheet.drawImage(image, 0, 0);
    return sheet.getImageData(0, 0, image.width, image.height);
  },

  // How many colours a picture has, and how many of its pixels have (nearly) each of some CSS colours.
  colours: async (png, names) => {
    const { data } = await eyes.pixels(png);
    const wanted = names.map(eyes.values);
    const counts = names.map(() => 0);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
      seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      wanted.forEach((value, k) => {
        if ([0, 1, 2].every(c => Math.abs(data[i + c] - value[c]) <= 12)) counts[k]++;
      });
    }
    return { seen: seen.size, counts };
  },

  // Red, green and blue of a CSS colour.
  values: name => {
    const sheet = new OffscreenCanvas(1, 1).getContext('2d');
    sheet.fillStyle = name;
    sheet.fillRect(0, 0, 1, 1);
    return sheet.getImageData(0, 0, 1, 1).data;
  },

  // How many pixels of two pictures differ; all of them where their sizes do.
  different: async (one, other) => {
    const [a, b] = [await eyes.pixels(one), await eyes.pixels(other)];
    if (a.width !== b.width || a.height !== b.height) return a.width * a.height;
    let count = 0;
    for (let i = 0; i < a.data.length; i += 4) {
      if ([0, 1, 2].some(c => a.data[i + c] !== b.data[i + c])) count++;
    }
    return count;
  },
};
