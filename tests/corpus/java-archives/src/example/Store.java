package example;

import java.io.FileOutputStream;
import java.util.Properties;

/** Stores properties as build tools do. */
public class Store {
    /** Stores them. */
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("version", "1.0");
        try (FileOutputStream out = new FileOutputStream(arguments[0])) {
            properties.store(out, "Generated");
        }
    }
}
