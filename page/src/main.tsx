import { createRoot } from "react-dom/client";
import "slack-blocks-to-jsx/dist/style.css";
import { App } from "./App";
import "./page.css";

const root = document.getElementById("page");
if (root) createRoot(root).render(<App />);
