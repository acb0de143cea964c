import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks CreditGate about a seller before the seller joins a platform. Needs JDK 17 and no library.
 *
 * <p>{@code CREDITGATE_KEY=... java CreditGateExample https://gateway.example 92320803MA1TE5T18U} exits with 0 if the
 * seller may join, 3 if not, 4 if a person must examine the case, and 1 if there was no decision.
 */
public final class CreditGateExample {
    private CreditGateExample() {}

    /** What a check means when the gateway cannot decide. There is no default: each call states it. */
    public enum OnFailure { RAISE, REVIEW, ALLOW, INTERCEPT, LOCK }

    /** What happens to the transaction, from the most lenient to the strictest. */
    public enum Outcome {
        FAST_TRACK, ALLOW, WARN, REVIEW, LOCK, INTERCEPT;

        boolean mayProceed() {
            return this == FAST_TRACK || this == ALLOW || this == WARN;
        }

        boolean blocked() {
            return this == LOCK || this == INTERCEPT;
        }

        /** An outcome that this program does not know must not become "may proceed". */
        static Outcome of(String word) throws GateException {
            for (Outcome outcome : values()) {
                if (outcome.name().toLowerCase(Locale.ROOT).equals(word)) {
                    return outcome;
                }
            }
            throw new GateException("answer_unreadable", "this program does not know the outcome " + word);
        }
    }

    /** A measure to carry out, with the document and article that prescribe it. */
    public record Measure(String code, String text, String basis) {}

    /** A decision. Without {@code decisionId} it comes from OnFailure, and {@code cause} says why. */
    public record Decision(
            String decisionId, Outcome outcome, List<Measure> measures, boolean indeterminate, String cause) {

        static Decision from(Object answer) throws GateException {
            Map<?, ?> members = Json.as(Map.class, answer);
            List<Measure> measures = new ArrayList<>();
            for (Object item : Json.as(List.class, members.get("measures"))) {
                Map<?, ?> measure = Json.as(Map.class, item);
                measures.add(new Measure(text(measure, "code"), text(measure, "text"), text(measure, "basis")));
            }
            boolean indeterminate = Boolean.TRUE.equals(members.get("indeterminate"));
            Outcome outcome = Outcome.of(text(members, "outcome"));
            return new Decision(text(members, "decision_id"), outcome, List.copyOf(measures), indeterminate, null);
        }

        static Decision ofCaller(OnFailure onFailure, String cause) {
            return new Decision(null, Outcome.valueOf(onFailure.name()), List.of(), true, cause);
        }

        private static String text(Map<?, ?> members, String name) throws GateException {
            return Json.as(String.class, members.get(name));
        }
    }

    /** No decision, and why. The caller must correct a refused request (4xx); OnFailure never applies to it. */
    public static final class GateException extends Exception {
        private static final long serialVersionUID = 1L;

        GateException(String code, String detail) {
            super(code + ": " + detail);
        }
    }

    /** The gateway could not be reached or could not decide: OnFailure applies. */
    private static final class Unavailable extends Exception {
        private static final long serialVersionUID = 1L;

        Unavailable(String code) {
            super(code);
        }
    }

    /** A client of one gateway, with its key. Thread-safe. */
    public static final class CreditGate {
        private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(1);
        private static final Duration TIME_OF_A_CALL = Duration.ofSeconds(4);
        private static final int RETRIES = 2;
        private static final int FIRST_PAUSE_MILLIS = 50;

        private final HttpClient http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT_TIMEOUT)
                .build();
        private final URI checks;
        private final String authorization;

        /** The key is sent with every request and never shown. */
        public CreditGate(String baseUrl, String key) {
            checks = URI.create(baseUrl.replaceAll("/+$", "") + "/v1/checks");
            // Checked here because the library would put the key into its exception.
            if (!key.matches("[!-~]+")) {
                throw new IllegalArgumentException("the key must be printable ASCII without spaces");
            }
            authorization = "Bearer " + key;
        }

        /** Checks one subject; {@code onFailure} applies when the gateway cannot decide. */
        public Decision check(String scene, String transactionId, String role, String id, OnFailure onFailure)
                throws GateException, InterruptedException {
            Map<String, Object> question = new LinkedHashMap<>();
            question.put("scene", scene);
            question.put("transaction_id", transactionId);
            question.put("subjects", List.of(Map.of("role", role, "id", id)));
            question.put("operator", "onboarding-desk");
            question.put("purpose", "onboarding of a seller");
            try {
                return Decision.from(Json.read(ask(Json.write(question))));
            } catch (Unavailable failure) {
                if (onFailure == OnFailure.RAISE) {
                    throw new GateException(failure.getMessage(), "nothing was decided");
                }
                return Decision.ofCaller(onFailure, failure.getMessage());
            }
        }

        /** Retries only after a 5xx and within the deadline; after a timeout no time is left. */
        private String ask(String question) throws GateException, Unavailable, InterruptedException {
            long ends = System.nanoTime() + TIME_OF_A_CALL.toNanos();
            for (int attempt = 0; ; attempt++) {
                HttpResponse<String> answer = send(question, ends - System.nanoTime());
                int status = answer.statusCode();
                if (status == 200) {
                    return answer.body();
                }
                if (status < 500) {
                    throw new GateException(problemCode(answer), "refused with " + status);
                }
                Duration pause = pause(answer, attempt);
                if (attempt == RETRIES || pause.toNanos() >= ends - System.nanoTime()) {
                    throw new Unavailable(problemCode(answer));
                }
                Thread.sleep(pause.toMillis());
            }
        }

        /** The deadline covers the whole response; HttpRequest.timeout covers only its headers. */
        private HttpResponse<String> send(String question, long nanoseconds) throws Unavailable, InterruptedException {
            HttpRequest request = HttpRequest.newBuilder(checks)
                    .header("Authorization", authorization)
                    .header("Content-Type", "application/json")
                    .POST(BodyPublishers.ofString(question))
                    .build();
            CompletableFuture<HttpResponse<String>> answer = http.sendAsync(request, BodyHandlers.ofString());
            try {
                return answer.get(nanoseconds, TimeUnit.NANOSECONDS);
            } catch (TimeoutException late) {
                throw new Unavailable("timeout");
            } catch (ExecutionException broken) {
                boolean late = broken.getCause() instanceof HttpTimeoutException;
                throw new Unavailable(late ? "timeout" : "connection_failed");
            } finally {
                answer.cancel(true);
            }
        }

        /** At least Retry-After, plus a random part so that callers do not all retry at the same moment. */
        private static Duration pause(HttpResponse<?> answer, int attempt) {
            int longest = FIRST_PAUSE_MILLIS << attempt;
            Duration own = Duration.ofMillis(ThreadLocalRandom.current().nextInt(longest / 2, longest + 1));
            String asked = answer.headers().firstValue("Retry-After").orElse("");
            return asked.matches("[0-9]{1,6}") ? own.plusSeconds(Integer.parseInt(asked)) : own;
        }

        private static String problemCode(HttpResponse<String> answer) {
            try {
                return Json.as(String.class, Json.as(Map.class, Json.read(answer.body())).get("code"));
            } catch (GateException notAProblemDocument) {
                return "http_" + answer.statusCode();
            }
        }
    }

    /** JSON (RFC 8259): objects are maps, arrays lists, numbers doubles, and null is null. */
    static final class Json {
        private static final int DEEPEST = 100;
        private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)([.][0-9]+)?([Ee][+-]?[0-9]+)?");
        private static final Pattern PLAIN = Pattern.compile("[^\"\\\\\\x00-\\x1f]*+");
        private static final Pattern HEXADECIMAL = Pattern.compile("[0-9A-Fa-f]{4}");
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object read(String text) throws GateException {
            Json json = new Json(text);
            Object value = json.value(0);
            json.space();
            if (json.at < text.length()) {
                throw json.fault();
            }
            return value;
        }

        static String write(Object value) {
            StringJoiner members;
            if (value instanceof Map<?, ?> map) {
                members = new StringJoiner(",", "{", "}");
                map.forEach((name, member) -> members.add(quoted(name.toString()) + ":" + write(member)));
            } else if (value instanceof List<?> items) {
                members = new StringJoiner(",", "[", "]");
                items.forEach(item -> members.add(write(item)));
            } else {
                return value instanceof String string ? quoted(string) : String.valueOf(value);
            }
            return members.toString();
        }

        /** The value, if it is of that type: an object is a Map, an array a List, a string a String. */
        static <T> T as(Class<T> type, Object value) throws GateException {
            if (!type.isInstance(value)) {
                throw new GateException("answer_unreadable", "a " + type.getSimpleName() + " is missing");
            }
            return type.cast(value);
        }

        private static String quoted(String string) {
            StringBuilder out = new StringBuilder("\"");
            for (char character : string.toCharArray()) {
                if (character == '"' || character == '\\') {
                    out.append('\\').append(character);
                } else if (character < ' ' || character > '~') {
                    out.append(String.format("\\u%04x", (int) character));
                } else {
                    out.append(character);
                }
            }
            return out.append('"').toString();
        }

        private Object value(int depth) throws GateException {
            space();
            // A document nested deeper would overflow the stack.
            if (depth > DEEPEST || at >= text.length()) {
                throw fault();
            }
            return switch (text.charAt(at)) {
                case '{' -> object(depth);
                case '[' -> array(depth);
                case '"' -> string();
                case 't' -> word("true", Boolean.TRUE);
                case 'f' -> word("false", Boolean.FALSE);
                case 'n' -> word("null", null);
                default -> Double.valueOf(next(NUMBER));
            };
        }

        private Map<String, Object> object(int depth) throws GateException {
            Map<String, Object> members = new LinkedHashMap<>();
            expect('{');
            if (found('}')) {
                return members;
            }
            do {
                space();
                String name = string();
                expect(':');
                members.put(name, value(depth + 1));
            } while (found(','));
            expect('}');
            return members;
        }

        private List<Object> array(int depth) throws GateException {
            List<Object> items = new ArrayList<>();
            expect('[');
            if (found(']')) {
                return items;
            }
            do {
                items.add(value(depth + 1));
            } while (found(','));
            expect(']');
            return items;
        }

        /** Spaces inside a string belong to it and are not skipped. */
        private String string() throws GateException {
            next('"');
            StringBuilder out = new StringBuilder(next(PLAIN));
            while (at < text.length() && text.charAt(at) == '\\') {
                at++;
                out.append(escaped()).append(next(PLAIN));
            }
            next('"');
            return out.toString();
        }

        private char escaped() throws GateException {
            int known = at < text.length() ? "\"\\/bfnrtu".indexOf(text.charAt(at)) : -1;
            if (known < 0) {
                throw fault();
            }
            at++;
            return known < 8 ? "\"\\/\b\f\n\r\t".charAt(known) : (char) Integer.parseInt(next(HEXADECIMAL), 16);
        }

        private Object word(String word, Object meaning) throws GateException {
            for (char letter : word.toCharArray()) {
                next(letter);
            }
            return meaning;
        }

        private void expect(char wanted) throws GateException {
            space();
            next(wanted);
        }

        private boolean found(char wanted) {
            space();
            boolean here = at < text.length() && text.charAt(at) == wanted;
            at += here ? 1 : 0;
            return here;
        }

        private void next(char wanted) throws GateException {
            if (at >= text.length() || text.charAt(at) != wanted) {
                throw fault();
            }
            at++;
        }

        private String next(Pattern wanted) throws GateException {
            Matcher matcher = wanted.matcher(text).region(at, text.length());
            if (!matcher.lookingAt()) {
                throw fault();
            }
            at = matcher.end();
            return matcher.group();
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private GateException fault() {
            return new GateException("answer_unreadable", "not JSON at character " + at);
        }
    }

    /** Arguments: the address of the gateway, and the seller's number. */
    public static void main(String[] arguments) throws InterruptedException {
        String key = System.getenv("CREDITGATE_KEY");
        if (arguments.length != 2 || key == null) {
            System.err.println("usage: CREDITGATE_KEY=<key> java CreditGateExample <base-url> <id>");
            System.exit(1);
        }
        System.exit(onboard(arguments[0], key, arguments[1]));
    }

    /** An unreachable gateway neither blocks the seller nor admits it unexamined: a person reviews. */
    private static int onboard(String baseUrl, String key, String id) throws InterruptedException {
        String transaction = "S-" + System.currentTimeMillis();
        try {
            CreditGate gate = new CreditGate(baseUrl, key);
            Decision decision = gate.check("ecommerce.onboarding", transaction, "seller", id, OnFailure.REVIEW);
            print(decision);
            return decision.outcome().mayProceed() ? 0 : decision.outcome().blocked() ? 3 : 4;
        } catch (GateException | IllegalArgumentException fault) {
            System.err.println(fault.getMessage());
            return 1;
        }
    }

    private static void print(Decision decision) {
        // Chinese text is printed as UTF-8 whatever the locale of the terminal.
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println("outcome   " + decision.outcome().name().toLowerCase(Locale.ROOT));
        out.println("decision  " + (decision.decisionId() == null ? "none" : decision.decisionId()));
        if (decision.cause() != null) {
            out.println("cause     " + decision.cause() + " (the gateway did not decide)");
        } else if (decision.indeterminate()) {
            out.println("note      not all that may be known was available");
        }
        for (Measure measure : decision.measures()) {
            out.println("measure   " + measure.code() + " " + measure.text());
            out.println("basis     " + measure.basis());
        }
    }
}
