const read = id => JSON.parse(document.getElementById(id).textContent);
const figures = read("figures"), themes = read("themes");
const dark = matchMedia("screen and (prefers-color-scheme: dark)");
function draw() {
  const theme = dark.matches ? themes.dark : themes.light;
  const painted = trace => {
    if (trace.type === "heatmap") {
      return {...trace, textfont: {...trace.textfont, color: theme.template.layout.font.color}};
    }
    const colour = theme.colours[trace.meta];
    return colour === undefined ? trace
      : {...trace, line: {...trace.line, color: colour}, marker: {...trace.marker, color: colour}};
  };
  figures.forEach((figure, number) => Plotly.react("plot-" + number, figure.data.map(painted),
    {...figure.layout, template: theme.template}, {displayModeBar: false, responsive: true}));
  document.body.dataset.drawn = figures.length;
}
draw();
dark.addEventListener("change", draw);
